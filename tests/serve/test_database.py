"""Servers in front of an index in PostgreSQL: what they answer while it is away, or written to."""

import asyncio
import json

import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.serve import Limits, Metrics, served_indexes
from keras_similarity.serve.answers import Answers
from keras_similarity.serve.searches import Search, run_searches

pytestmark = pytest.mark.database
DIM = 8


def test_database_away__503_until_it_is_back(servers, postgres):
    server = servers[0]
    postgres.stop()
    try:
        status, problem = server.ask("POST", "/v1/indexes/shelf/query", {"vector": [0.0] * DIM, "k": 1})
        assert status == 503
        assert "cannot be reached" in problem["detail"] or "went away" in problem["detail"]
        assert server.ask("GET", "/healthz")[0] == 200
    finally:
        postgres.start()
    assert server.ask("POST", "/v1/indexes/shelf/query", {"vector": [0.0] * DIM, "k": 1})[0] == 200


@pytest.mark.parametrize(("changes", "answered"), [(1, True), (100, False)])
def test_item_changed_after_it_was_found__is_searched_again(postgres, monkeypatch, changes, answered):
    with ks.Index(DIM, "euclidean", store=postgres.url()) as index:
        index.add(np.ones((1, DIM)), ids=["a"], metadata=[{"n": 0}])
        real, left = index.search, list(range(changes))

        def search(*arguments, **options):
            result = real(*arguments, **options)
            if left:
                index.update(["a"], metadata=[{"n": left.pop()}])
            return result

        monkeypatch.setattr(index, "search", search)
        asked = Search([[1.0] * DIM], 1, include=frozenset({"metadata"}))
        (answer,) = run_searches(index, Answers(), [asked])
    if answered:
        assert json.loads(answer)["results"][0][0]["metadata"] == {"n": 0}
    else:
        assert (answer.status, answer.headers) == (503, {b"retry-after": b"1"})


def test_index_that_is_lent__reads_on_beside_a_reload(postgres):
    url = postgres.url("lent")
    with ks.Index(DIM, "euclidean", store=url) as index:
        index.add(np.eye(2, DIM), ids=["a", "b"])
    served = served_indexes([url], Limits(), Metrics())["lent"]

    async def steps():
        with served.lent() as index:
            assert index.generation == served.index.generation  # by which a map is known to be the newest
            await served.reload()
            await served.write(lambda index: index.add(np.ones((1, DIM)), ids=["c"]))
            assert [record.id for record in index.get(["a", "b"])] == ["a", "b"]

    asyncio.run(steps())
    assert len(served.index) == 3
    served.close()
    postgres.execute("DROP TABLE lent, lent_labels, lent_state")
