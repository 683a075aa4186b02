import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.core import Distance, pairwise_distances
from keras_similarity.errors import UnknownIdError
from keras_similarity.inspection import index_graph, neighbor_graph

ROOTS = {"cosine": True, "squared_euclidean": True, "snr": True, "euclidean": False, "manhattan": False}


@pytest.mark.parametrize("distance", list(ROOTS))
def test_graph__equals_a_sort_of_all_distances(rng, distance):
    rows = rng.normal(size=(40, 4))
    labels = [*rng.choice(["a", "b", "c"], 36).tolist(), "alone", None, None, "d"]
    graph = neighbor_graph(rows, labels, k=6, distance=distance)
    distances = pairwise_distances(rows, rows, distance).astype(np.float64)
    lengths = np.sqrt(distances) if ROOTS[distance] else distances
    np.fill_diagonal(lengths, np.inf)
    order = np.argsort(lengths, axis=1, kind="stable")
    np.testing.assert_array_equal(graph.rows, order[:, :6])
    np.testing.assert_allclose(graph.lengths, np.take_along_axis(lengths, order, axis=1)[:, :6], rtol=1e-5)
    np.testing.assert_allclose(
        graph.distances(graph.lengths), np.take_along_axis(distances, order, 1)[:, :6], rtol=1e-5
    )
    for row, label in enumerate(labels):
        own = sorted(lengths[row, other] for other in range(40) if labels[other] == label and other != row)[:3]
        own = [] if label is None else own
        np.testing.assert_allclose(graph.own_lengths[row], own + [np.inf] * (3 - len(own)), rtol=1e-5)


def test_graph_of_an_index__is_that_of_its_items(rng):
    rows, labels = rng.normal(size=(20, 3)), rng.choice(["a", "b"], 20).tolist()
    index = Index(3, "manhattan")
    ids = index.add(rows, labels, ids=[f"item {row}" for row in range(20)])
    index.add(rng.normal(size=(5, 3)))
    ours, theirs = index_graph(index, ids, k=4), neighbor_graph(rows, labels, ids=ids, k=4, distance="manhattan")
    assert ours.ids.tolist() == [f"item {row}" for row in range(20)]
    assert ours.labels(np.arange(20)) == labels
    np.testing.assert_array_equal(ours.rows, theirs.rows)
    np.testing.assert_array_equal(ours.own_lengths, theirs.own_lengths)
    with pytest.raises(UnknownIdError):
        index_graph(index, ["nowhere"])


def test_k_beyond_the_items__takes_all_there_are(rng):
    graph = neighbor_graph(rng.normal(size=(5, 2)), k=20)
    assert graph.k == 4
    assert len(graph) == 5
    assert graph.labels(np.arange(5)) == [None] * 5


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_dimension__is_that_in_which_items_spread(rng, dimension):
    """Uniform points of a flat space that lies in another of ten dimensions."""
    rows = rng.random((4000, dimension)) @ np.linalg.qr(rng.normal(size=(10, dimension)))[0].T
    assert neighbor_graph(rows, distance="euclidean").dimension() == pytest.approx(dimension, rel=0.1)


def test_dimension__all_items_equal__is_1():
    assert neighbor_graph(np.ones((6, 2)), distance="euclidean").dimension() == 1


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.ones((1, 2)),), {}, "at least two items to compare: got 1"),
        ((np.ones((3, 2)), [1, 2]), {}, "got 2 entries for 3 rows"),
        ((np.ones((3, 2)),), {"ids": [1, 2]}, "got 2 entries for 3 rows"),
        ((np.zeros((3, 2)),), {}, "row 0 is all zeros"),
        ((np.full((3, 2), np.nan),), {}, "row 0 holds nan"),
        ((np.ones((3, 2)),), {"distance": "inner_product"}, "`distance` must be one of"),
        ((np.ones((3, 2)),), {"k": 0}, "`k` must be"),
    ],
)
def test_bad_input__says_what(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        neighbor_graph(*arguments, **options)


def test_distance_of_the_users_own__is_taken(rng):
    largest = Distance("largest", (0.0, float("inf")), lambda a, b: np.abs(a - b).max(axis=-1))
    rows = rng.normal(size=(30, 3))
    graph = neighbor_graph(rows, k=2, distance=largest)
    lengths = np.sort(np.abs(rows[:, None] - rows[None]).max(axis=-1), axis=1)[:, 1:3]
    np.testing.assert_allclose(graph.lengths, lengths, rtol=1e-5)
