"""Every distance of Milvus and Qdrant, by looking at all rows and from a graph; PostgreSQL's are with its own tests."""

import numpy as np
import pytest

from clusters import DIM, clustered, near
from keras_similarity.core import pairwise_distances
from keras_similarity.index.remote.milvus.schema import METRICS as OF_MILVUS
from keras_similarity.index.remote.qdrant import searching
from keras_similarity.index.remote.qdrant.state import METRICS as OF_QDRANT

COUNT = 1500  # Milvus makes no graph of fewer than 1,024
CASES = [
    # What the tests of each of them do too, or need minutes for, is left to the slow run.
    pytest.param(database, engine, distance, marks=[] if database == "qdrant_engine" else [pytest.mark.slow])
    for database, engines, distances in [
        ("milvus", ["exact", "auto"], OF_MILVUS),
        ("qdrant", ["exact"], OF_QDRANT),
        ("qdrant_engine", ["exact", "auto"], OF_QDRANT),
    ]
    for engine in engines
    for distance in sorted(distances)
]


@pytest.mark.parametrize(("database", "engine", "distance"), CASES, indirect=["database"])
def test_every_distance__from_all_rows_and_from_a_graph(make, engine, distance, rng, monkeypatch):
    monkeypatch.setattr(searching, "FEW_ALLOWED", 0)
    gallery, queries = clustered(rng, COUNT), clustered(rng, 20)
    index = make(DIM, distance, engine=engine)
    index.add(gallery)
    assert index.build().engine == {"exact": "exact", "auto": "hnsw"}[engine]
    truth = pairwise_distances(queries, gallery, distance)
    found = index.search(queries, k=10)
    expected = np.take_along_axis(truth, found.ids, axis=1)
    np.testing.assert_allclose(found.distances, expected, rtol=1e-5, atol=1e-6)
    assert near(found, index.search(queries, k=10, exact=True)) > 0.97
