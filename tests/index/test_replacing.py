"""A saved index in the place of another: in which order it comes to the disk, and what a crash between leaves."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from keras_similarity import Index
from keras_similarity.core.file_lock import try_lock
from keras_similarity.index import replacing
from keras_similarity.index.stores.disk.write_points import on_write_point

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere a folder can be neither synced nor locked")


@pytest.fixture
def shelf(tmp_path):
    """A saved index of one item."""
    index = Index(2, "euclidean")
    index.add([[1.0, 0.0]], ids=["old"])
    index.save(tmp_path / "shelf")
    return tmp_path / "shelf"


@pytest.fixture
def other():
    index = Index(2, "euclidean")
    index.add([[0.0, 1.0]], ids=["new"])
    return index


@pytest.fixture
def at_write_points():
    yield on_write_point
    on_write_point(None)


@pytest.fixture
def crashed(shelf, other):
    """What is left of a save that was killed when the old index was aside."""
    other.save(shelf.with_name(".shelf.new-7"))
    shelf.rename(shelf.with_name(".shelf.old-7"))
    return shelf


@pytest.fixture
def steps(monkeypatch):
    """What is done to folders, in order; of the hidden names the part that is the same each time."""
    seen, fsync, rename, rmtree = [], os.fsync, Path.rename, shutil.rmtree

    def short(path):
        return Path(path).name.rpartition("-")[0] or Path(path).name

    def noted_fsync(descriptor):
        for path in (path for top in tops for path in [top, *top.rglob("*")]):
            if path.is_dir() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                seen.append(f"sync {short(path)}")
        fsync(descriptor)

    def noted_rename(path, target):
        seen.append(f"{short(path)} to {short(target)}")
        return rename(path, target)

    def noted_rmtree(path, **options):
        if Path(path).exists():
            seen.append(f"delete {short(path)}")
        rmtree(path, **options)

    tops = []
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    monkeypatch.setattr(shutil, "rmtree", noted_rmtree)

    def watched(top):
        tops.append(top)
        return seen

    return watched


def test_save__over_an_index__deletes_it_when_the_names_of_the_new_one_are_on_the_disk(shelf, other, steps):
    seen = steps(shelf.parent)
    other.save(shelf)
    assert seen == [
        "sync .shelf.new",
        "shelf to .shelf.old",
        ".shelf.new to shelf",
        f"sync {shelf.parent.name.rpartition('-')[0] or shelf.parent.name}",
        "delete .shelf.old",
    ]


def test_snapshot__every_folder_of_it__is_on_the_disk_before_it_has_its_name(tmp_path, steps):
    with Index(2, "euclidean", store=tmp_path / "live") as index:
        index.add([[1.0, 0.0]])
        seen = steps(tmp_path)
        index.snapshot(tmp_path / "copy")
    before = seen[: seen.index(".copy.new to copy")]
    assert {"sync segments", "sync graphs", "sync .copy.new"} <= set(before)
    assert seen.index("sync segments") < seen.index("sync .copy.new")


def test_save__interrupted_when_the_old_index_is_aside__puts_it_back(shelf, other, at_write_points):
    def interrupt(name):
        if name == "old index aside":
            raise KeyboardInterrupt

    at_write_points(interrupt)
    with pytest.raises(KeyboardInterrupt):
        other.save(shelf)
    assert list(Index.open(shelf)) == ["old"]
    assert [entry.name for entry in shelf.parent.iterdir()] == ["shelf"]


def test_save__names_do_not_come_to_the_disk__the_old_index_is_back(shelf, other, monkeypatch):
    sync = replacing.sync_folder

    def refuse(folder):
        if folder == shelf.parent:
            raise OSError("no")
        sync(folder)

    monkeypatch.setattr(replacing, "sync_folder", refuse)
    with pytest.raises(OSError, match="no"):
        other.save(shelf)
    assert list(Index.open(shelf)) == ["old"]
    assert [entry.name for entry in shelf.parent.iterdir()] == ["shelf"]


def test_open__a_save_was_killed_when_the_old_index_was_aside__takes_it_back(crashed, caplog):
    assert list(Index.open(crashed, read_only=True)) == ["old"]
    assert [entry.name for entry in crashed.parent.iterdir()] == ["shelf"]
    assert "was killed" in caplog.text
    assert ".shelf.old-7" in caplog.text


def test_save__where_a_save_was_killed__replaces_the_old_index_and_leaves_nothing(crashed, other):
    other.save(crashed)
    assert list(Index.open(crashed)) == ["new"]
    assert [entry.name for entry in crashed.parent.iterdir()] == ["shelf"]


def test_save__where_a_save_was_killed_before_it_deleted_the_old_index__deletes_it(shelf, other):
    shutil.copytree(shelf, shelf.with_name(".shelf.old-7"))
    other.save(shelf)
    assert [entry.name for entry in shelf.parent.iterdir()] == ["shelf"]


def test_open__while_somebody_saves__leaves_the_old_index_aside_and_names_it(crashed, monkeypatch):
    monkeypatch.setattr(replacing, "PATIENCE_SECONDS", 0.0)
    descriptor = os.open(crashed.with_name(".shelf.new-7"), os.O_RDONLY)
    try:
        try_lock(descriptor)
        with pytest.raises(FileNotFoundError, match=r"no index at .*; \.shelf\.old-7 beside it .*\n  .* rename it"):
            Index.open(crashed)
        assert sorted(entry.name for entry in crashed.parent.iterdir()) == [".shelf.new-7", ".shelf.old-7"]
    finally:
        os.close(descriptor)


def test_open__old_index_whose_new_one_is_gone__is_not_taken_back(crashed):
    """The new one had come to its place, and somebody deleted it there."""
    shutil.rmtree(crashed.with_name(".shelf.new-7"))
    with pytest.raises(FileNotFoundError, match=r"\.shelf\.old-7 beside it"):
        Index.open(crashed)
    assert not crashed.exists()


def test_open__at_the_moment_when_the_old_index_is_aside__waits_for_the_new_one(shelf, other, at_write_points):
    found = []

    def look(name):
        if name == "old index aside":
            reader.start()
            reader.join(0.2)
            assert reader.is_alive()

    reader = threading.Thread(target=lambda: found.extend(Index.open(shelf)))
    at_write_points(look)
    other.save(shelf)
    reader.join()
    assert found == ["new"]
