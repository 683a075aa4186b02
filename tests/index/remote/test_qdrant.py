"""What an index in Qdrant does its own way, in the local mode of its client."""

import multiprocessing
import time
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest

from clusters import DIM, clustered
from keras_similarity import Index
from keras_similarity.errors import (
    DatabaseError,
    IndexFormatError,
    IndexLockedError,
)
from keras_similarity.index.remote.qdrant import index as indexes
from keras_similarity.index.remote.qdrant import state
from keras_similarity.index.remote.qdrant.keys import label_key, point_id
from keras_similarity.index.remote.qdrant.state import METRICS
from killed_writer import ROWS, batch, last_write_of_a_killed_writer

qdrant_client = pytest.importorskip("qdrant_client", reason="an extra (qdrant); make test-all has it")
ROW = np.ones((1, 8), np.float32)


@pytest.fixture(params=["qdrant"])
def database(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("distance", sorted(METRICS))
def test_every_distance__numbers_of_the_definition_and_neighbours(make, rng, distance):
    gallery, queries = 3 * clustered(rng, 300), clustered(rng, 10)
    index, twin = make(DIM, distance), Index(DIM, distance)
    for one in (index, twin):
        one.add(gallery, labels=np.arange(300) % 7)
    found, truth = index.search(queries), twin.search(queries)
    np.testing.assert_allclose(found.distances, truth.distances, rtol=1e-5, atol=1e-6)
    assert (found.ids == truth.ids).mean() > 0.99  # float32 may order two of nearly the same distance otherwise
    kept = np.stack([record.embedding for record in index.records()])
    np.testing.assert_allclose(kept, gallery, rtol=1e-6, atol=1e-6)  # under cosine their lengths too


def test_equal_distances__the_first_added_first_however_many(make):
    index = make()
    ids = [f"{number:02}" for number in range(90)]
    index.add(np.ones((90, 8)), ids=ids)
    index.add(np.ones((90, 8)), ids=ids[::-1])  # in the place of the others, the last of them first
    assert index.search(ROW, k=5).ids.tolist() == [["89", "88", "87", "86", "85"]]


def test_keys__are_equal_where_python_says_so():
    assert label_key(1) == label_key(True) == label_key(1.0) != label_key("1")
    assert label_key((1, ("a", 0.0))) == label_key((True, ("a", False)))
    assert label_key(None) is label_key(frozenset()) is None
    assert point_id(5) == point_id(5.0) == 5
    assert len({point_id(value) for value in (1, "1", -2, "-2")}) == 4
    assert point_id(True) is point_id(2**63) is point_id(0.5) is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"distance": "snr"}, "`distance`"),
        ({"engine": "faiss"}, "`engine`"),
        ({"storage": "float16"}, "`storage`"),
        ({"dim": 65_537}, "`dim` may be at most 65,536"),
    ],
)
def test_what_qdrant_has_not__is_refused(qdrant, settings, words):
    with pytest.raises(ValueError, match=words):
        qdrant.index(**{"dim": 3} | settings)


def test_removal_of_more_than_one_call_takes(make, monkeypatch):
    monkeypatch.setattr(indexes, "MOST_KEYS", 7)
    index = make()
    index.add(np.ones((20, 8)))
    assert index.remove(np.arange(2, 30)) == 18
    assert list(index) == [0, 1]


def test_row_that_no_call_can_take__is_refused_and_nothing_changed(make):
    index = make()
    before = index.generation
    with pytest.raises(ValueError, match=r"may take 16,777,216 bytes a row in Qdrant: row 1 takes 17,333,"):
        index.add(np.ones((2, 8)), data=[b"", bytes(13_000_000)])
    assert (len(index), index.generation) == (0, before)


def test_folder__without_an_index_is_not_made_and_with_one_not_made_again(qdrant, tmp_path):
    with pytest.raises(FileNotFoundError, match="no index at qdrant:///"):
        Index.open(f"qdrant://{tmp_path}/none?table=items")
    assert not list(tmp_path.iterdir())
    with qdrant.index(3) as index:
        with pytest.raises(FileExistsError, match="there is a collection already"):
            Index(3, store=index.store)
        with pytest.raises(FileNotFoundError, match="no index at"):
            Index.open(index.store.replace("items", "others"))
    with pytest.raises(DatabaseError, match="was closed"):
        len(index)
    assert len(Index.open(index.store)) == 0


def test_collection_of_others_or_of_a_newer_version__is_refused(make, monkeypatch):
    index = make()
    monkeypatch.setattr(state, "SCHEMA_VERSION", 2)
    with pytest.raises(IndexFormatError, match="is of version 1; this release reads version 2"):
        Index.open(index.store)
    index._session.call("delete", points_selector=[state.KEY])
    with pytest.raises(IndexFormatError, match="holds no index"):
        Index.open(index.store)


def test_counters_that_something_else_changed__are_found_and_repaired(make):
    index = make()
    index.add(np.ones((3, 8)))
    state.change(index._session, lambda before: (replace(before, next_id=1, next_seq=1), None))
    report = index.check()
    assert report.problems == (
        "next_id is 1 in the state, and 3 by the items",
        "next_seq is 1 in the state, and 3 by the items",
    )
    assert index.check(repair=True).repaired
    assert index.check().ok
    assert index.add(ROW).tolist() == [3]


def test_written_to_while_it_is_saved__says_so(make, tmp_path, monkeypatch):
    index = make()
    index.add(ROW)
    monkeypatch.setattr(index, "_pages", lambda tree: [index.add(ROW, ids=[0])][:0])
    with pytest.raises(IndexLockedError, match="was written to while it was read, 3 times"):
        index.save(tmp_path / "copy")


def open_and_tell(store, told):
    try:
        Index.open(store)
    except Exception as error:
        told.send((type(error).__name__, str(error)))


def test_folder_that_another_process_has_open__says_so(make):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=open_and_tell, args=(make().store, there))
    process.start()
    name, words = here.recv()
    process.join()
    assert name == "IndexLockedError"
    assert "another process has qdrant:///" in words


def test_folder__is_free_when_the_last_index_in_it_is_closed(make):
    first = make()
    second, folder = Index.open(first.store), urlsplit(first.store).path
    first.close()
    assert len(second) == 0
    second.close()
    qdrant_client.QdrantClient(path=folder).close()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["qdrant", "qdrant_engine"], indirect=True)
def test_writer_killed__items_are_whole_and_the_write_again_completes_it(database, rng):
    index = database.index(8, "euclidean")
    in_folder = index.store.startswith("qdrant:///")  # where one process at a time works
    for _ in range(3):
        if in_folder:
            index.close()
        last = last_write_of_a_killed_writer(index.store, rng)
        time.sleep(0.2)  # what was asked may still be answered
        index = Index.open(index.store) if in_folder else index
        records = list(index.records())
        assert len(records) == len(index) >= ROWS * (last + 1)
        assert all(record.id.startswith(f"{record.label} ") for record in records)
        assert all((record.embedding == record.label).all() for record in records)
        index.add(**batch(last + 1))
        assert index.label_counts([last + 1]).tolist() == [ROWS]
        assert index.check().ok
    index.close()
