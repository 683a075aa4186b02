"""The first format must open for ever: folders that the release of that format wrote, and what is in them.

Never write these folders anew. A new format gets a folder of its own beside them.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from keras_similarity import Index

GOLDEN = Path(__file__).parents[1] / "golden"


def fill(index):
    """What was done to the indexes in the folders."""
    rows = np.arange(60, dtype=np.float32).reshape(20, 3) % 7 - 3
    labels = ["cat", 3, None, ("x", 1), b"\x00", 2.5, True, "é", -(2**70), ""]
    data = [None, "text", b"\x00\xff", {"a": [1, None]}, 5, Path("a/b"), np.arange(3), np.array(["u"]), [], 1.5]
    index.add(rows[:10], labels, ids=["a", 7, "7", "ü/b", *range(10, 16)], data=data)
    index.add(rows[10:], metadata=[{"n": row, "deep": {"x": [row]}} for row in range(10)])
    index.remove([7, 17])
    index.update(["a"], labels=["changed"], metadata=[{"n": 0.5}])
    return index


def contents(index):
    return [
        (record.id, record.label, record.embedding.tolist(), repr(record.data), record.metadata)
        for record in index.records()
    ]


@pytest.mark.parametrize("name", ["index_v1", "saved_index_v1"])
def test_folder_of_the_first_format__opens_and_goes_on(name, tmp_path):
    shutil.copytree(GOLDEN / name, tmp_path / name)
    expected = fill(Index(3, "euclidean", storage="float16", model="encoder 1"))
    with Index.open(tmp_path / name, model="encoder 1") as index:
        assert contents(index) == contents(expected)
        assert index.settings == expected.settings
        assert index.check().ok
        queries = np.eye(3)
        found, wanted = index.search(queries, k=30), expected.search(queries, k=30)
        assert found.ids.tolist() == wanted.ids.tolist()
        assert np.array_equal(found.distances, wanted.distances)
        large = {"n": {"gte": 8}}
        assert [record.id for record in index.records(where=large)] == [24, 25]
        assert index.add(np.ones((1, 3))).tolist() == expected.add(np.ones((1, 3))).tolist()
        index.compact()
        assert contents(index) == contents(expected)
