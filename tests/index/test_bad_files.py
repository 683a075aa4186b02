"""What stands where an index should: each is an error that names the path, or the index itself."""

import contextlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import IndexFormatError, KerasSimilarityError


@pytest.fixture(params=["disk", "saved"])
def folder(request, tmp_path, rng):
    index = Index(4, store=tmp_path / "index" if request.param == "disk" else "memory")
    index.add(rng.normal(size=(2000, 4)), labels=np.arange(2000) % 3, data=["x"] * 2000)
    if request.param == "saved":
        index.save(tmp_path / "index")
    index.close()
    return tmp_path / "index"


def opened_and_read(folder):
    with Index.open(folder) as index:
        assert len(index) == 2000
        assert [record.data for record in index.get(range(0, 2000, 200))] == ["x"] * 10
        assert index.search(np.ones((1, 4)), k=3).ids.shape == (1, 3)


def every_file(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "dangling link", "junk"])
def test_something_else_in_the_place_of_a_file__is_an_error_or_does_no_harm(folder, kind, tmp_path):
    for path in every_file(folder):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        place = copy / path.relative_to(folder)
        place.unlink()
        if kind == "fifo" and path.name != "writer.lock":
            os.mkfifo(place)
        elif kind == "folder":
            place.mkdir()
        elif kind == "dangling link":
            place.symlink_to(tmp_path / "nowhere")
        elif kind == "junk":
            place.write_bytes(b"no index" * 100)
        with contextlib.suppress(KerasSimilarityError, FileNotFoundError):
            opened_and_read(copy)


@pytest.mark.parametrize("name", ["two words", "é 🙂", "x" * 255, "index.sqlite", "-rf", "a;b"])
def test_any_name_of_a_folder__is_fine(folder, name, tmp_path):
    (tmp_path / "deep").mkdir()
    target = tmp_path / "deep" / name
    shutil.copytree(folder, target)
    opened_and_read(target)
    opened_and_read(str(target))


def test_link_to_a_folder__is_followed(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    opened_and_read(tmp_path / "link")


@pytest.mark.parametrize("place", ["file", "empty"])
def test_no_index__says_so(place, tmp_path):
    target = tmp_path / place
    target.write_bytes(b"x") if place == "file" else target.mkdir()
    with pytest.raises((FileNotFoundError, IndexFormatError), match=str(target)):
        Index.open(target)


def test_files_of_another_index__are_refused(tmp_path, rng):
    """A file that is whole, and belongs to an index of other vectors."""
    for name in ("one", "two"):
        index = Index(4)
        index.add(rng.normal(size=(50, 4)))
        index.save(tmp_path / name)
    shutil.copy(tmp_path / "two" / "embeddings.npy", tmp_path / "one" / "embeddings.npy")
    with pytest.raises(IndexFormatError, match=r"embeddings\.npy"):
        Index.open(Path(tmp_path / "one"))
