"""An index in a folder, of several segments."""

import pytest

from keras_similarity import Index
from keras_similarity.index.stores.disk import store as disk_store


@pytest.fixture
def small_segments(monkeypatch):
    monkeypatch.setattr(disk_store, "SEGMENT_ROWS", 16)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a shelf é"


@pytest.fixture
def filled(path, rng, small_segments):
    """70 items in several segments and some in none, a few of them removed."""
    with Index(4, "euclidean", store=path) as index:
        index.add(rng.normal(size=(50, 4)), [f"class {row % 5}" for row in range(50)], data=list(range(50)))
        index.add(rng.normal(size=(20, 4)), metadata=[{"n": row} for row in range(20)])
        index.remove([3, 60])
    return path


@pytest.fixture
def damage():
    """Flips one bit of a file."""

    def flip(file, place):
        content = bytearray(file.read_bytes())
        content[place] ^= 0x10
        file.write_bytes(content)

    return flip
