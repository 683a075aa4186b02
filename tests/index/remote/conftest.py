"""An index in a real database for each test that asks, and its twin in memory."""

import numpy as np
import pytest

from keras_similarity import Index

DIM = 8


@pytest.fixture(params=["postgres", "milvus", "qdrant", "qdrant_engine"])
def database(request):
    """Each database in turn; a file of tests for one of them says so by a fixture of this name."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def make(database):
    """Makes indexes in tables of their own, and closes them."""
    made = []

    def make(dim=DIM, distance="euclidean", **settings):
        made.append(database.index(dim, distance, **settings))
        return made[-1]

    yield make
    for index in made:
        index.close()


@pytest.fixture
def filled(make, rng):
    """200 items with labels, metadata and data, and the same in memory."""
    twins = make(), Index(DIM, "euclidean")
    vectors = rng.normal(size=(200, DIM)).astype(np.float32)
    for index in twins:
        index.add(
            vectors,
            labels=[None if row % 7 == 0 else ["cat", "dog", 3, ("x", 1), True][row % 5] for row in range(200)],
            ids=[row if row % 3 else f"id {row}" for row in range(200)],
            data=[b"%d" % row for row in range(200)],
            metadata=[{"n": row, "even": row % 2 == 0} for row in range(200)],
        )
    return twins
