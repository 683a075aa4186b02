"""An index that lives in a folder: made, opened, read and written by several, refused."""

import json
import os
import sqlite3
import zlib

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.core import get_distance
from keras_similarity.errors import (
    IndexFormatError,
    IndexLockedError,
    IndexMismatchError,
    ReadOnlyIndexError,
    UnknownIdError,
)
from keras_similarity.index.stores.disk.lock import WriterLock


def test_create_then_open__gives_back_everything(path, rng, tmp_path):
    vectors = rng.normal(size=(8, 4)).astype(np.float32)
    labels = [1, "1", None, (2, "x"), b"raw", 2**70, -5, 1.5]
    data = [np.arange(3), {"a": [1, None]}, b"\x00\xff", "text", None, tmp_path, 3, np.array(["u"])]
    metadata = [{"n": 1, "deep": {"x": [1, None]}}, None, {}, *[{"é": "ü"}] * 5]
    with Index(4, "manhattan", store=path) as index:
        index.add(vectors, labels, ids=["a", 2, *range(10, 16)], data=data, metadata=metadata)
    with Index.open(path) as again:
        assert (again.dim, str(again.distance), again.store) == (4, "manhattan", str(path))
        records = list(again.records())
        assert [record.id for record in records] == ["a", 2, *range(10, 16)]
        assert [record.label for record in records] == labels
        assert [repr(record.data) for record in records] == [repr(item) for item in data]
        assert [record.metadata for record in records] == metadata
        assert np.array_equal([record.embedding for record in records], vectors)
        assert again.add(vectors[:1]).tolist() == [16]


def test_create__where_an_index_lives__names_open(filled):
    with pytest.raises(FileExistsError, match=r"an index lives in .* already.\n  Open it with `Index.open"):
        Index(4, store=filled)


def test_create__where_something_else_is__leaves_it_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(FileExistsError, match="is no empty folder"):
        Index(4, store=tmp_path)
    with pytest.raises(FileExistsError, match="is no empty folder"):
        Index(4, store=tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "three years"


def test_create__in_an_empty_folder_or_a_deep_one__works(tmp_path):
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "a" / "b" / "c"):
        with Index(4, store=str(place)):
            assert (place / "index.sqlite").is_file()


def test_open__nothing_there__is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="no index at"):
        Index.open(tmp_path / "nowhere")


@pytest.mark.parametrize("place", ["redis://x", "", "a\0b", b"bytes"])
def test_store__no_folder__is_named(place):
    with pytest.raises((ValueError, TypeError), match="`store` must be a folder"):
        Index(4, store=place)


def test_durability__unknown__creates_nothing(path):
    with pytest.raises(ValueError, match="`durability` must be one of 'fast', 'full'"):
        Index(4, store=path, durability="some")
    assert not path.exists()


def test_home_in_a_path__is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with Index(4, store="~/shelf"):
        assert (tmp_path / "shelf" / "index.sqlite").is_file()


def test_many_small_adds__make_few_segments(path, rng, small_segments):
    vectors = rng.normal(size=(300, 4)).astype(np.float32)
    with Index(4, "euclidean", store=path, durability="fast") as index:
        for row, vector in enumerate(vectors):
            index.add(vector[None], ids=[f"i{row}"], labels=[row % 3])
        assert len(list((path / "segments").iterdir())) <= 6
        assert index.search(vectors, k=1).ids[:, 0].tolist() == [f"i{row}" for row in range(300)]
        assert [record.label for record in index.records()] == [row % 3 for row in range(300)]


def test_ints_then_strings__ids_of_both_are_found_across_segments(path, rng, small_segments):
    vectors = rng.normal(size=(80, 4)).astype(np.float32)
    with Index(4, "euclidean", store=path) as index:
        assert index.add(vectors[:40]).dtype == np.int64
        assert index.search(vectors[:2]).ids.dtype == np.int64
        index.add(vectors[40:], ids=[str(row) for row in range(40)])
    with Index.open(path) as again:
        found = again.search(vectors, k=1).ids[:, 0].tolist()
        assert found == [*range(40), *map(str, range(40))]
        assert again.get([7, "7"])[1].embedding.tolist() == vectors[47].tolist()
        assert again.remove(["7", 8]) == 2
        assert [item in again for item in (7, "7", 8, "8")] == [True, False, False, True]


def test_upsert_and_update__across_segments__keep_one_item_per_id(filled, rng):
    with Index.open(filled) as index:
        index.add(np.ones((2, 4)), ["new"] * 2, ids=[0, 65])
        index.update([1], labels=["changed"])
        assert len(index) == 68
    with Index.open(filled) as again:
        assert [record.label for record in again.get([0, 65, 1])] == ["new", "new", "changed"]
        assert again.get([1])[0].data == 1
        assert again.label_counts(["new", "changed", "class 0"]).tolist() == [2, 1, 9]


def test_filters__over_segments_and_rows_in_none(filled):
    with Index.open(filled) as index:
        assert [record.id for record in index.records(where={"n": {"gte": 17}})] == [67, 68, 69]
        assert index.search(np.zeros((1, 4)), k=99, where={"label": "class 3"}).ids.tolist()[0].count(-1) == 99 - 9
        index.add(np.zeros((1, 4)), metadata=[{"n": 18.5}])
        assert [record.id for record in index.records(where={"n": {"gt": 17}})] == [68, 69, 70]


def test_reader__sees_its_generation_until_it_refreshes(filled, rng):
    with Index.open(filled, read_only=True) as reader, Index.open(filled) as writer:
        before = list(reader)
        writer.add(rng.normal(size=(40, 4)), ids=[f"new {row}" for row in range(40)])
        writer.remove([0])
        writer.compact()
        assert list(reader) == before
        assert reader.search(np.zeros((1, 4)), k=99).ids[0].tolist().count(-1) == 99 - 68
        assert reader.get([5])[0].data == 5
        assert reader.refresh() is True
        assert reader.refresh() is False
        assert list(reader) == list(writer)


def test_reader__item_removed_and_compacted_away__says_search_again(filled):
    with Index.open(filled, read_only=True) as reader, Index.open(filled) as writer:
        found = reader.search(np.zeros((1, 4)), k=5)[0]
        writer.remove([found[0].id])
        writer.compact()
        with pytest.raises(UnknownIdError, match="was removed, and the index was compacted"):
            found[0].data  # noqa: B018  the access is the test
        assert found[1].embedding.shape == (4,)
        reader.refresh()
        assert found[0].id not in reader


def test_two_writers__second_is_told_who_the_first_is(filled):
    with Index.open(filled) as first, Index.open(filled) as second:
        first.add(np.zeros((1, 4)))
        with pytest.raises(
            IndexLockedError, match=f"written to by process {os.getpid()} .* That is this process"
        ) as caught:
            second.add(np.zeros((1, 4)))
        assert caught.value.pid == os.getpid()
        assert caught.value.since is not None
        for write in (lambda: second.remove([1]), lambda: second.update([1], labels=["x"]), second.build, second.clear):
            with pytest.raises(IndexLockedError):
                write()
        first.close()
        assert second.add(np.zeros((1, 4))).tolist() == [71]


def test_writer_after_another__continues_from_what_that_one_wrote(filled):
    with Index.open(filled) as late:
        with Index.open(filled) as first:
            first.add(np.zeros((1, 4)), ["first"], ids=["x"])
        late.add(np.ones((1, 4)), ["late"], ids=["y"])
        assert [record.label for record in late.get(["x", "y"])] == ["first", "late"]


def test_lock__without_a_name_in_it__still_locks(filled):
    lock = WriterLock(filled / "writer.lock")
    lock.take()
    (filled / "writer.lock").write_text("no json")
    with Index.open(filled) as index, pytest.raises(IndexLockedError, match="by another process; there can be one"):
        index.remove([1])
    lock.release()


def test_read_only__refuses_every_write_and_nothing_else(filled):
    with Index.open(filled, read_only=True) as index:
        for write in (
            lambda: index.add(np.zeros((1, 4))),
            lambda: index.remove([1]),
            lambda: index.update([1], labels=["x"]),
            index.build,
            index.compact,
            index.clear,
        ):
            with pytest.raises(ReadOnlyIndexError, match="opened with read_only=True"):
                write()
        assert index.add(np.empty((0, 4))).tolist() == []
        assert len(index.search(np.zeros((1, 4)), k=3)[0]) == 3


def test_clear__empties_and_counts_on(filled):
    with Index.open(filled) as index:
        index.clear()
        assert (len(index), list(index)) == (0, [])
        assert index.describe()["removed"] == 0
        assert index.check().ok
    with Index.open(filled) as again:
        assert list(again) == []
        assert again.search(np.zeros((1, 4)), k=1).ids.tolist() == [[-1]]
        assert again.add(np.zeros((1, 4))).tolist() == [70]
        again.compact()
        assert list(again) == [70]


def test_compact__gives_room_back_and_changes_no_answer(filled, rng):
    queries = rng.normal(size=(5, 4))
    with Index.open(filled) as index:
        index.remove(range(0, 50, 2))
        before = index.search(queries, k=60)
        index.compact()
        after = index.search(queries, k=60)
        assert after.ids.tolist() == before.ids.tolist()
        assert np.array_equal(after.distances, before.distances)
        assert index.describe()["removed"] == 0
        assert len(list((filled / "segments").iterdir())) == 1
        found = sqlite3.connect(filled / "index.sqlite").execute("SELECT count(*) FROM items").fetchone()
        assert found == (len(index),)


def test_files_a_crash_left__are_swept_away_by_the_next_writer(filled):
    for name in ("segments/00000099.segment", "segments/00000100.segment.new", "graphs/00000099.graph"):
        (filled / name).write_bytes(b"half")
    with Index.open(filled) as index:
        index.add(np.zeros((1, 4)))
        names = {file.name for folder in ("segments", "graphs") for file in (filled / folder).iterdir()}
        assert not {name for name in names if "99" in name or "100" in name}


def test_open__newer_format__says_upgrade(filled):
    connection = sqlite3.connect(filled / "index.sqlite")
    text = json.dumps({"format": "keras-similarity store", "format_version": 2})
    crc = zlib.crc32(repr(("format", text)).encode())
    connection.execute("UPDATE meta SET value = ?, crc = ? WHERE key = 'format'", (text, crc))
    connection.commit()
    with pytest.raises(IndexFormatError, match=r"version 2; this release reads .*version 1.\n  Upgrade"):
        Index.open(filled)


def test_open__another_distance_or_model__is_a_mismatch(path):
    Index(4, "euclidean", store=path, model="encoder 7").close()
    with pytest.raises(IndexMismatchError, match="compares by euclidean distance: got distance='cosine'"):
        Index.open(path, distance="cosine")
    with pytest.raises(IndexMismatchError, match="this index has model 'encoder 7': asked for was model 'encoder 8'"):
        Index.open(path, model="encoder 8")
    Index.open(path, distance="l2", model="encoder 7").close()


def test_distance_of_the_users_own__comes_back_when_it_is_passed(tmp_path, rng):
    import dataclasses

    mine = dataclasses.replace(get_distance("euclidean"), name="mine", aliases=())
    vectors = rng.normal(size=(5, 4))
    with Index(4, mine, store=tmp_path / "x") as index:
        index.add(vectors)
        index.save(tmp_path / "saved")
    for place in ("x", "saved"):
        with pytest.raises(ValueError, match="`distance` must be one of"):
            Index.open(tmp_path / place)
        assert Index.open(tmp_path / place, distance=mine).search(vectors[:1], k=1).distances.tolist() == [[0.0]]


@pytest.mark.parametrize("storage", ["float16", "int8", "binary"])
def test_storage_and_truncation__are_kept(path, rng, storage):
    vectors = rng.normal(size=(20, 8))
    with Index(8, store=path, storage=storage, truncate_dim=3) as index:
        index.add(vectors)
        before = index.search(vectors[:4], k=3)
    with Index.open(path) as again:
        assert (again.settings.storage, again.settings.truncate_dim) == (storage, 3)
        assert np.array_equal(again.search(vectors[:4], k=3).distances, before.distances)


def test_used_after_close__says_so(filled):
    index = Index.open(filled)
    found = index.search(np.zeros((1, 4)), k=2)
    index.close()
    index.close()
    with pytest.raises(ReadOnlyIndexError, match="is closed"):
        index.add(np.zeros((1, 4)))
    with pytest.raises(ReadOnlyIndexError, match="is closed"):
        found[0][0].data  # noqa: B018  the access is the test
    assert found[0][0].id in index.search(np.zeros((1, 4)), k=2).ids
