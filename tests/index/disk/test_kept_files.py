"""What an index in a folder puts beside its rows and gives away: snapshots, saved copies, graphs."""

import logging

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import (
    CorruptIndexError,
    ReadOnlyIndexError,
)


def test_snapshot__is_the_index_at_that_moment(filled, tmp_path, rng):
    with Index.open(filled) as index:
        index.snapshot(tmp_path / "copy")
        index.add(rng.normal(size=(30, 4)))
        index.remove([0])
        index.compact()
    with Index.open(tmp_path / "copy") as copy:
        assert list(copy) == [row for row in range(70) if row not in (3, 60)]
        assert copy.check().ok
        copy.add(rng.normal(size=(1, 4)))
    with pytest.raises(FileExistsError):
        Index.open(filled).snapshot(tmp_path / "copy")


def test_snapshot__of_damaged_rows__is_refused(filled, tmp_path, damage):
    damage(sorted((filled / "segments").iterdir())[0], 4096 + 3)
    with Index.open(filled) as index, pytest.raises(CorruptIndexError, match="vectors of its rows 0 to"):
        index.snapshot(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == [filled.name]


def test_snapshot__of_an_index_in_memory__can_be_opened(tmp_path, rng):
    index = Index(4)
    index.add(rng.normal(size=(5, 4)))
    index.snapshot(tmp_path / "copy")
    assert list(Index.open(tmp_path / "copy")) == list(range(5))


def test_save__of_an_index_on_disk__opens_in_memory(filled, tmp_path):
    with Index.open(filled) as index:
        index.save(tmp_path / "saved")
        saved = Index.open(tmp_path / "saved")
        assert saved.store == "memory"
        assert list(saved) == list(index)
        assert saved.get([5])[0].data == 5


def test_save__of_an_index_on_disk__reads_many_rows_at_a_time(filled, tmp_path):
    with Index.open(filled) as index:
        statements = []
        index._store.database._connection.set_trace_callback(statements.append)
        index.save(tmp_path / "copy")
    assert 0 < len(statements) < len(index) / 4
    with Index.open(tmp_path / "copy") as copy, Index.open(filled) as index:
        for record, found in zip(index.records(), copy.records(), strict=True):
            assert (record.id, record.data, record.metadata) == (found.id, found.data, found.metadata)


def test_graph__is_kept_beside_the_rows_and_loaded_behind(path, rng, caplog, damage):
    pytest.importorskip("faiss")
    centres = rng.normal(size=(30, 8))
    vectors = (centres[rng.integers(0, 30, 3000)] + 0.3 * rng.normal(size=(3000, 8))).astype(np.float32)
    with Index(8, "euclidean", store=path, engine="faiss") as index:
        index.add(vectors)
        index.remove([0, 1])
        report = index.build()
        assert report.rows == 2998
    with Index.open(path) as again:
        again.wait()
        assert again.describe()["engine"] == report.as_dict()
        truth = again.search(vectors[5:50], k=10, exact=True)
        assert np.isin(again.search(vectors[5:50], k=10).ids, truth.ids).mean() > 0.97
        again.add(vectors[:1], ids=["late"])
        assert again.search(vectors[:1], k=1).ids.tolist() == [["late"]]
        again.snapshot(path.parent / "copy")
    with Index.open(path.parent / "copy", read_only=True) as copy:
        copy.wait()
        assert copy.describe()["engine"]["engine"] == "faiss"
    damage(next((path / "graphs").iterdir()), 5000)
    with caplog.at_level(logging.WARNING), Index.open(path) as damaged:
        damaged.wait()
        assert "is damaged, and searches are exact until it is built again" in caplog.text
        assert damaged.describe()["engine"]["engine"] == "exact"
        assert damaged.search(vectors[5:50], k=10).ids.tolist() == truth.ids.tolist()
        assert damaged.build().rows == 2999


def test_rows_added_and_removed_while_a_graph_is_built__are_kept(path, rng, monkeypatch, small_segments):
    pytest.importorskip("faiss")
    from keras_similarity.index import builder

    vectors = rng.normal(size=(1500, 4)).astype(np.float32)
    index = Index(4, "euclidean", store=path, engine="faiss", durability="fast")
    index.add(vectors[:1400], ids=range(1400))
    index.remove([1])
    index.add(vectors[1400:1405], ids=range(1400, 1405))
    made = builder.Builder._made

    def change_then_make(self, plan, matrix):
        index.remove([7, 1401])
        for row in range(1405, 1500):
            index.add(vectors[row : row + 1], ids=[row])
        index.add(vectors[9:10] + 1, ids=[9])
        return made(self, plan, matrix)

    monkeypatch.setattr(builder.Builder, "_made", change_then_make)
    index.build()
    expected = [row for row in range(1500) if row not in (1, 7, 9, 1401)] + [9]
    assert list(index) == expected
    index.close()
    with Index.open(path) as again:
        again.wait()
        assert list(again) == expected
        assert again.describe()["engine"]["engine"] == "faiss"
        found = again.search(vectors[[0, 8, 1402, 1499]], k=1, exact=True)
        assert found.ids[:, 0].tolist() == [0, 8, 1402, 1499]
        assert again.check().ok


def test_build_that_is_stopped__leaves_no_file(path, rng, monkeypatch):
    pytest.importorskip("faiss")
    from keras_similarity.index import builder

    index = Index(8, store=path, engine="faiss")
    index.add(rng.normal(size=(2000, 8)))
    index.remove([0])
    made = builder.Builder._made

    def stop_then_make(self, plan, matrix):
        self.stop()  # as `close()` in another thread does
        return made(self, plan, matrix)

    monkeypatch.setattr(builder.Builder, "_made", stop_then_make)
    with pytest.raises(ReadOnlyIndexError, match="closed while its engine was being built"):
        index.build()
    assert len(list((path / "segments").iterdir())) == 1
    index.close()
    assert len(Index.open(path)) == 1999
