"""Where walks begin: the nearest row of a sample, with the score that faiss counts on, for every order it knows."""

import numpy as np
import pytest

from clusters import DIM, clustered, near
from keras_similarity import Index
from keras_similarity.core import get_distance, pairwise_distances
from keras_similarity.index.engines import entries, faiss_graph
from keras_similarity.index.engines.entries import Entries
from keras_similarity.index.engines.spaces import space_of
from keras_similarity.index.rows import Matrix

DISTANCES = ("cosine", "euclidean", "inner_product", "manhattan", "snr")


@pytest.mark.parametrize("distance", DISTANCES)
def test_entry__is_the_nearest_of_the_sample_with_its_score(distance, rng, monkeypatch):
    monkeypatch.setattr(entries, "QUERIES", 3)
    rows, queries = clustered(rng, 400), clustered(rng, 10)
    space = space_of(get_distance(distance))
    sample = Entries(Matrix(rows), space)
    places, scores = sample.nearest(np.ascontiguousarray(space.queries(queries), np.float32))
    everyone = np.unique(sample.nearest(rows)[0])  # each of the sample is nearest to itself, in most orders
    assert len(everyone) > 10
    order = "squared_euclidean" if distance == "manhattan" else distance  # what is looked for, in Manhattan's place
    best = pairwise_distances(queries, rows[everyone], order).min(axis=1)
    found = pairwise_distances(queries, rows[places], order).diagonal()
    assert (found <= best + 1e-5).all()
    measured = pairwise_distances(queries, rows[places], distance).diagonal()
    if distance in ("euclidean", "manhattan"):
        np.testing.assert_allclose(scores, measured**2 if distance == "euclidean" else measured, rtol=1e-4)
    elif distance == "inner_product":
        np.testing.assert_allclose(scores, -measured, rtol=1e-4)


def test_score_far_from_the_origin__keeps_its_digits(rng):
    rows = clustered(rng, 400) + np.float32(1e4)
    places, scores = Entries(Matrix(rows), space_of(get_distance("euclidean"))).nearest(rows)
    np.testing.assert_allclose(scores, pairwise_distances(rows, rows[places], "euclidean").diagonal() ** 2, rtol=1e-4)


@pytest.mark.parametrize("storage", ["float32", pytest.param("float16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("distance", DISTANCES)
def test_graph__from_entries__finds_all_neighbours_the_entries_too(distance, storage, rng, monkeypatch):
    monkeypatch.setattr(faiss_graph, "ENTRY_ROWS", 0)
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)
    index = Index(DIM, distance, engine="faiss", storage=storage)
    gallery = clustered(rng, 1500)
    index.add(gallery)
    assert index.build().engine == "faiss"
    result, exact = index.search(gallery, k=1), index.search(gallery, k=1, exact=True)
    assert near(result, exact) > 0.99
    alone = [index.search(query[None], k=10) for query in gallery[:5]]
    for number, found in enumerate(alone):
        assert near(found, index.search(gallery[number : number + 1], k=10, exact=True)) == 1


def test_cluster_of_which_the_sample_has_a_row__is_entered(rng):
    centers = rng.normal(size=(300, 32)).astype(np.float32)
    rows = np.repeat(centers, 100, axis=0) + 0.01 * rng.normal(size=(30_000, 32)).astype(np.float32)
    sample = Entries(Matrix(rows), space_of(get_distance("euclidean")))
    known = np.unique(sample.nearest(rows)[0] // 100)
    assert len(known) > 250
    np.testing.assert_array_equal(sample.nearest(centers[known])[0] // 100, known)
