"""What an index asks of Qdrant over HTTP, and what becomes of refusals: not of a server, see `qdrant_places.py`."""

import logging
import traceback

import numpy as np
import pytest

from clusters import DIM, clustered
from keras_similarity import Index
from keras_similarity.errors import DatabaseError, DatabaseTimeoutError, DatabaseUnavailableError
from keras_similarity.index.remote.qdrant import index as indexes
from keras_similarity.index.remote.qdrant import items, searching, session, state, tuning

ROW = np.ones((1, 8), np.float32)
SECRET = "s3cret"


@pytest.fixture
def http(qdrant_engine):
    qdrant_engine.requests.clear()
    yield qdrant_engine
    qdrant_engine.api_key, qdrant_engine.version, qdrant_engine.refusals = None, "1.16.0", []
    qdrant_engine.words = "refused"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(session, "WAIT_SECONDS", 0.3)


def test_requests_are_those_of_the_api_and_answers_the_same(http, rng, monkeypatch):
    index, twin = http.index(8, "euclidean"), Index(8, "euclidean")
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    for one in (index, twin):
        one.add(
            vectors,
            labels=[None if row % 7 == 0 else ["cat", 3, ("x", 1)][row % 3] for row in range(60)],
            ids=[row if row % 2 else f"id {row}" for row in range(60)],
            data=[b"%d" % row for row in range(60)],
            metadata=[{"n": row - 0.5, "s": "abc"[row % 3]} for row in range(60)],
        )
        one.update([1, "id 2"], labels=["dog", None])
        one.remove([3, "no such"])
    for where in (
        None,
        {"label": {"nin": ["cat", None]}},
        {"or": [{"n": {"lt": 10}}, {"s": {"gte": "b"}}], "id": {"gt": 4}},
        {"label": {"gt": "cat"}},
        {"not": {"n": {"exists": True}, "s": {"in": ["a", "c"]}}},
    ):
        found, truth = (one.search(vectors[:3], where=where) for one in (index, twin))
        assert found.ids.tolist() == truth.ids.tolist(), where
        assert [record.id for record in index.records(where=where)] == [
            record.id for record in twin.records(where=where)
        ]
    assert index.arrays().embeddings.tolist() == twin.arrays().embeddings.tolist()
    with pytest.raises(ValueError, match="Did you mean 's'"):
        index.search(vectors[:1], where={"ss": 1})
    assert {name["field_name"] for name in http.sent("/index")} == {*state.INDEXED, "numbers.id", "numbers.f6e"}
    index.clear()
    assert len(index) == 0
    index.close()


def test_few_rows_are_all_looked_at_and_many_by_the_graph(http, rng, monkeypatch):
    index = http.index(8, "euclidean")
    vectors = rng.normal(size=(60, 8)).astype(np.float32)

    def params(**options):
        http.requests.clear()
        index.search(vectors[:1], **options)
        return [search["params"] for body in http.sent("/query/batch") for search in body["searches"]]

    monkeypatch.setattr(searching, "FEW_ALLOWED", 10)
    assert params() == [{"exact": True}]
    index.add(vectors, metadata=[{"n": row} for row in range(60)])
    assert params() == [{"hnsw_ef": 512}]
    assert params(exact=True) == params(where={"n": {"lt": 18}}) == [{"exact": True}]
    assert params(where={"n": {"lt": 19}}) == [{"hnsw_ef": 8 * 512}]
    report = index.build()
    assert (report.engine, report.recall, report.effort, report.sample) == ("hnsw", 1.0, 16, 60)
    assert params(k=20) == [{"hnsw_ef": 32}]
    index.close()


def test_graph__finds_what_is_near_with_filters_and_without(http, rng, monkeypatch):
    monkeypatch.setattr(searching, "FEW_ALLOWED", 100)
    gallery, queries = clustered(rng, 3000), clustered(rng, 50)
    index, twin = http.index(DIM, "cosine"), Index(DIM, "cosine")
    metadata = [{"n": int(number)} for number in rng.permutation(3000)]
    index.add(gallery, metadata=metadata), twin.add(gallery, metadata=metadata)
    assert index.build().recall >= 0.99
    for where in (None, {"n": {"gte": 1000}}, {"n": {"lt": 300}}):
        found, truth = (one.search(queries, where=where) for one in (index, twin))
        assert (found.distances <= truth.distances[:, -1:] + 2e-6).mean() >= 0.99, where
    assert any(
        search["params"] == {"hnsw_ef": 128} for body in http.sent("/query/batch") for search in body["searches"]
    )
    index.close()


@pytest.mark.slow
def test_graph_that_meets_too_few__all_are_looked_at(http, rng, monkeypatch):
    monkeypatch.setattr(indexes, "MOST_INDEXED", 0)  # no index, so no links between what the filter leaves
    monkeypatch.setattr(searching, "FEW_SHARE", 0)
    monkeypatch.setattr(searching, "MOST_SHARE", 0)
    monkeypatch.setattr(searching, "FEW_ALLOWED", 20)
    gallery, queries = clustered(rng, 12000), clustered(rng, 20)
    index, twin = http.index(DIM, "cosine"), Index(DIM, "cosine")
    for one in (index, twin):
        one.add(gallery, metadata=[{"n": row % 100} for row in range(12000)])
    index.build()
    where = {"n": {"lt": 1}}  # 30
    found, truth = (one.search(queries, where=where) for one in (index, twin))
    assert found.ids.tolist() == truth.ids.tolist()
    index.close()


def test_numbers_of_the_first_fields__have_an_index_before_there_are_items(http, monkeypatch):
    monkeypatch.setattr(indexes, "MOST_INDEXED", 2)
    index = http.index(8)
    http.requests.clear()
    for _ in range(2):
        index.add(ROW, metadata=[{"a": 1, "b": 2, "c": 3}])
    steps = [path.partition("?")[0].rpartition("/")[2] for method, path, _ in http.requests if method == "PUT"]
    assert steps == ["points", "index", "index", "points", "points", *["points"] * 3]  # the state, the items, the state
    assert [body["field_name"] for body in http.sent("/index")] == ["numbers.f61", "numbers.f62"]
    index.close()


def test_write_of_more_than_a_call_takes(http, monkeypatch):
    monkeypatch.setattr(items, "MOST_ROWS", 4)
    index = http.index(8)
    http.requests.clear()
    index.add(np.repeat(ROW, 5, axis=0))
    assert [len(body["points"]) for body in http.sent("/points") if "points" in body] == [1, 4, 1, 1]
    index.close()


def test_build__waits_until_the_graph_is_made(http, rng, monkeypatch):
    monkeypatch.setattr(searching, "FEW_ALLOWED", 10)
    monkeypatch.setattr(tuning, "PAUSE_SECONDS", 0)
    index = http.index(8)
    index.add(rng.normal(size=(60, 8)))
    real, colours = http.client.get_collection, ["yellow", "grey", "green"]

    def get_collection(name):
        return real(name).model_copy(update={"status": http.models.CollectionStatus(colours.pop(0))})

    monkeypatch.setattr(http.client, "get_collection", get_collection)
    assert index.build().engine == "hnsw"
    assert not colours
    monkeypatch.setattr(tuning, "WAIT_SECONDS", 0)
    colours.append("yellow")
    with pytest.raises(DatabaseTimeoutError, match="has not made the graph"):
        index.build()
    index.close()


def test_lost_and_refused_writes(http, impatient):
    index = http.index(8, "euclidean")
    http.refusals = [503, 200, 0, 200, 503]  # busy, hung up, busy: each is tried again
    index.add(ROW)
    assert (len(index), index.check().ok) == (1, True)
    before = index.generation
    http.refusals = [1, 200, 1, 200, 1, 200]  # carried out, and the answer lost
    assert index.add(ROW).tolist() == [1]
    assert (len(index), index.generation) == (2, before + 2)
    before = index.generation
    http.refusals = [200, 500]  # the state, then the items
    with pytest.raises(DatabaseError, match=r"refused: refused\.\n  What was being written may be there in part"):
        index.add(ROW, ids=[7])
    assert index.generation == before + 2  # what was read under the one before may not be true any more
    http.refusals = [200] + [0] * 9
    with pytest.raises(DatabaseUnavailableError, match="went away"):
        index.add(ROW, ids=[7])
    http.refusals = []
    index.add(ROW, ids=[7])
    assert list(index) == [0, 1, 7]
    index.close()


def test_api_key__is_sent_and_never_told(http, impatient, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    http.api_key = SECRET
    with pytest.warns(UserWarning, match="insecure connection"):  # the client's own word
        index = Index(8, store=http.url("shoes", api_key=SECRET))
    index.add(ROW)
    seen = [repr(index), index.store, str(index.describe()), str(vars(index)), repr(index._session._address)]
    http.api_key, http.words = "an0ther", f"no rights with {SECRET}"
    with pytest.raises(DatabaseError, match=r"refused: no rights with \*\*\*\.\n  Check the api_key") as caught:
        index.search(ROW)
    seen.append("".join(traceback.format_exception(caught.value)))
    with pytest.raises(DatabaseError, match="Check the api_key"):
        Index.open(http.url("shoes"))
    seen += [caplog.text, *capfd.readouterr()]
    assert not [text for text in seen if SECRET in text]
    index.close()


def test_server_that_is_not_there__no_key_in_error_log_or_stderr(http, impatient, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1:9\?table=shoes cannot be reached") as caught:
        Index.open(f"qdrant://127.0.0.1:9?table=shoes&secure=true&api_key={SECRET}")
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert SECRET not in said
    assert capfd.readouterr() == ("", "")


def test_server_that_does_not_answer__is_a_timeout(http):
    index = Index(8, store=http.url(timeout=1))
    with http.lock, pytest.raises(DatabaseTimeoutError, match="in the time allowed"):
        len(index)
    index.close()


def test_server_that_is_too_old__is_refused(http):
    http.version = "1.15.4"
    with pytest.raises(DatabaseError, match=r"needs Qdrant 1\.16 or newer: it is 1\.15\.4"):
        Index(8, store=http.url())
