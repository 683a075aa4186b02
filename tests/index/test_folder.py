import json
import shutil

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import CorruptIndexError, IndexFormatError, ReadOnlyIndexError


@pytest.fixture
def saved(rng, tmp_path):
    index = Index(3, "euclidean")
    index.add(rng.normal(size=(20, 3)), labels=list("abcde") * 4, data=rng.integers(0, 255, (20, 2, 2), np.uint8))
    index.save(tmp_path / "shelf")
    return index, tmp_path / "shelf"


def test_open_gives_back_what_save_wrote(rng, tmp_path):
    index = Index(3, "manhattan")
    labels = [1, "1", None, (2, "x"), b"raw", 2**70, -5, 1.5]
    data = [np.arange(3), {"a": [1, None]}, b"\x00\xff", "text", None, tmp_path, 3, np.array(["u"])]
    index.add(rng.normal(size=(8, 3)), labels=labels, ids=["a", 2, *range(10, 16)], data=data, metadata=[{"n": 1}] * 8)
    index.add(rng.normal(size=(2, 3)))
    index.remove([11])
    index.save(tmp_path / "shelf")
    again = Index.open(tmp_path / "shelf")
    queries = rng.normal(size=(4, 3))
    before, after = index.search(queries, k=12), again.search(queries, k=12)
    assert after.ids.tolist() == before.ids.tolist()
    assert np.array_equal(after.distances, before.distances)
    assert after.labels.tolist() == before.labels.tolist()
    for left, right in zip(before[0], after[0], strict=True):
        assert repr(left.data) == repr(right.data)
        assert left.metadata == right.metadata
    assert again.add(rng.normal(size=(1, 3))).tolist() == index.add(rng.normal(size=(1, 3))).tolist()


def test_save__over_an_index__replaces_it(saved):
    _, path = saved
    other = Index(2)
    other.add([[1, 0]])
    other.save(path)
    assert (Index.open(path).dim, len(Index.open(path))) == (2, 1)
    assert [entry.name for entry in path.parent.iterdir()] == ["shelf"]


def test_save__over_something_else__leaves_it_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(FileExistsError, match="is not an index"):
        Index(2).save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "three years"


def test_save__disk_fails_on_the_way__the_old_index_survives(saved, monkeypatch):
    index, path = saved
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        Index(2).save(path)
    assert len(Index.open(path)) == len(index)


def open_and_read_all(path):
    return Index.open(path).get(range(20))


def test_open__every_file_with_any_byte_changed__is_refused_before_it_is_used(saved):
    _, path = saved
    for file in sorted(path.iterdir()):
        content = file.read_bytes()
        for position in range(0, len(content), max(1, len(content) // 16)):
            file.write_bytes(content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :])
            with pytest.raises(IndexFormatError, match=file.name):
                open_and_read_all(path)
        file.write_bytes(content)
    open_and_read_all(path)


def test_open__damaged_data__can_be_searched_but_neither_read_nor_saved(saved):
    _, path = saved
    file = path / "data-0-array.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    index = Index.open(path)
    neighbors = index.search([[0, 0, 0]], k=2)[0]
    assert len(neighbors.ids) == 2
    for read in (lambda: neighbors[0].data, lambda: index.save(path.parent / "copy")):
        with pytest.raises(CorruptIndexError, match=r"data-0-array\.npy"):
            read()
    assert not (path.parent / "copy").exists()


def test_open__folder_deleted_afterwards__still_reads_data(saved):
    index, path = saved
    again = Index.open(path)
    shutil.rmtree(path)
    assert np.array_equal(again.get([3])[0].data, index.get([3])[0].data)


def test_open__every_file_cut_anywhere__is_refused(saved):
    _, path = saved
    for file in sorted(path.iterdir()):
        content = file.read_bytes()
        for sixteenth in range(16):
            file.write_bytes(content[: len(content) * sixteenth // 16])
            with pytest.raises(CorruptIndexError, match=file.name):
                Index.open(path)
        file.unlink()
        with pytest.raises((CorruptIndexError, FileNotFoundError), match=file.name):
            Index.open(path)
        file.write_bytes(content)


def test_open__newer_format__says_upgrade(saved):
    _, path = saved
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"format_version": 2}))
    with pytest.raises(IndexFormatError, match=r"version 2; this release reads .*version 1"):
        Index.open(path)


def test_open__nothing_there__is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="no index at"):
        Index.open(tmp_path / "nowhere")


def test_save__last_rename_fails__the_old_index_survives(saved, monkeypatch):
    index, path = saved
    rename = type(path).rename

    def fail_once_the_old_is_aside(source, target):
        if ".new-" in source.name:
            raise OSError("no")
        return rename(source, target)

    monkeypatch.setattr(type(path), "rename", fail_once_the_old_is_aside)
    with pytest.raises(OSError, match="no"):
        Index(2).save(path)
    assert len(Index.open(path)) == len(index)
    assert [entry.name for entry in path.parent.iterdir()] == ["shelf"]


@pytest.mark.parametrize("store", ["memory", "disk"])
def test_save_and_snapshot__to_an_empty_folder__fill_it(store, tmp_path):
    with Index(1, "euclidean", store=store if store == "memory" else tmp_path / "index") as index:
        index.add([[1.0]], ids=["a"])
        for keep in (index.save, index.snapshot):
            target = tmp_path / keep.__name__
            target.mkdir()
            keep(target)
            with Index.open(target) as again:
                assert list(again) == ["a"]


def test_open__saved_index_to_read_only__refuses_writes_and_nothing_else(saved):
    _, path = saved
    index = Index.open(path, read_only=True)
    before = list(index)
    writes = [
        lambda: index.add(index.arrays().embeddings[:1]),
        lambda: index.update(before[:1], labels=["other"]),
        lambda: index.remove(before[:1]),
        index.clear,
    ]
    for write in writes:
        with pytest.raises(ReadOnlyIndexError, match="takes no writes: it was opened with read_only=True"):
            write()
    index.build()
    assert list(index) == before
    assert index.search(index.arrays().embeddings[:1], k=1).ids.tolist() == [before[:1]]
