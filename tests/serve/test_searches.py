"""Queries and matches that are searched together are answered each by its own."""

import asyncio
import json

import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.calibrate import calibrate, match
from keras_similarity.serve import Limits, Metrics, Service, create_app, served_indexes

QUERIES = np.float32([[1, 0.1, 0], [0.1, 1, 0], [0, 0.1, 1]])
LABELS = ["east", "north"]


@pytest.fixture
def shelf(tmp_path, rng):
    """A service over a calibrated index, the thresholds, and what one query finds there."""
    rows = np.repeat(np.eye(3)[:2], 40, axis=0) + 0.05 * rng.normal(size=(80, 3))
    labels = np.repeat(LABELS, 40).tolist()
    with ks.Index(3, store=tmp_path / "shelf.index") as index:
        index.add(rows, labels)
        queries = np.concatenate([rows + 0.1 * rng.normal(size=rows.shape), np.tile([0.0, 0, 1], (20, 1))])
        results = calibrate(index, queries, [*labels, *["nowhere"] * 20])
        found = index.search(QUERIES, results.k)
    results.save(tmp_path / "shelf.index" / "calibration.npz")
    limits, metrics = Limits(), Metrics()
    service = Service(served_indexes([tmp_path / "shelf.index"], limits, metrics), limits=limits, metrics=metrics)
    yield service, results, found
    service.close()


def ask_at_once(service, bodies):
    """Status and body of the answer to each (route, body); all of them arrive before any is answered."""
    app = create_app(service)

    async def ask(route, body):
        sent = []
        path = f"/v1/indexes/shelf/{route}"
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
        scope["headers"] = [(b"host", b"localhost"), (b"content-type", b"application/json")]

        async def receive():
            return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

        async def send(message):
            sent.append(message)

        await app(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    async def ask_all():
        return await asyncio.gather(*(ask(*each) for each in bodies))

    return asyncio.run(ask_all())


@pytest.mark.parametrize(
    "routes",
    [("match", "match"), ("query", "match"), ("match", "query"), ("match", "query", "match")],
    ids=" then ".join,
)
def test_requests_at_once__are_answered_each_by_its_own(shelf, routes):
    service, results, found = shelf
    bodies = [{"vector": QUERIES[row].tolist()} for row in range(len(routes))]
    bodies = [body | ({"k": results.k} if route == "query" else {}) for route, body in zip(routes, bodies, strict=True)]
    answers = ask_at_once(service, zip(routes, bodies, strict=True))
    for row, (route, (status, body)) in enumerate(zip(routes, answers, strict=True)):
        assert status == 200, body
        (answer,) = body["results"]
        if route == "query":
            assert [item["id"] for item in answer] == found.ids[row].tolist()
        else:
            expected = match(found, results, no_match_label=None)
            assert answer["label"] == expected.labels[row]
            assert answer["distance"] == pytest.approx(float(expected.distances[row]))


def test_matches_of_several_queries_at_once__have_a_label_for_each_of_theirs(shelf):
    service, results, found = shelf
    chosen = [[2, 0], [], [1, 0, 2]]
    answers = ask_at_once(service, [("match", {"vectors": QUERIES[rows].tolist()}) for rows in chosen])
    expected = match(found, results, no_match_label=None).labels
    assert len(set(expected)) == 3
    assert [status for status, _ in answers] == [200] * 3
    assert [[one["label"] for one in body["results"]] for _, body in answers] == [
        [expected[row] for row in rows] for rows in chosen
    ]


def test_match_that_cannot_be_decided__spoils_no_other_of_its_call(shelf):
    service, *_ = shelf
    good, bad = {"vector": QUERIES[0].tolist()}, {"vector": QUERIES[1].tolist(), "cutpoint": "best"}
    (first, _), (second, body), (third, _) = ask_at_once(service, [("match", good), ("match", bad), ("match", good)])
    assert (first, second, third) == (200, 422, 200)
    assert "optimal" in body["detail"]


def test_alike_matches__are_one_search(shelf, monkeypatch):
    service, *_ = shelf
    index = service.index("shelf").index
    search, sizes = index.search, []

    def counted(queries, *k, **about):
        sizes.append(len(queries))
        return search(queries, *k, **about)

    monkeypatch.setattr(index, "search", counted)
    answers = ask_at_once(service, [("match", {"vector": QUERIES[row].tolist()}) for row in range(3)])
    assert ([status for status, _ in answers], sizes) == ([200] * 3, [3])
