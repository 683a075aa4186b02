import math

import numpy as np
import pytest

from keras_similarity.core import Distance, distance_names, get_distance, pairwise_distances


def slow_distance(name: str, a: list[float], b: list[float]) -> float:
    """The textbook formula, one number at a time."""
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    gap = [x - y for x, y in zip(a, b, strict=True)]

    def variance(values):
        mean = sum(values) / len(values)
        return sum((value - mean) ** 2 for value in values) / len(values)

    return {
        "cosine": lambda: 1 - dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b)),
        "euclidean": lambda: math.sqrt(sum(x * x for x in gap)),
        "squared_euclidean": lambda: sum(x * x for x in gap),
        "manhattan": lambda: sum(abs(x) for x in gap),
        "inner_product": lambda: -dot,
        "snr": lambda: variance(gap) / variance(a),
    }[name]()


@pytest.mark.parametrize("name", distance_names())
def test_pairwise_distances_equal_the_textbook_formula(name, rng):
    queries, gallery = rng.normal(size=(4, 7)) * 3, rng.normal(size=(5, 7))
    expected = [[slow_distance(name, q, g) for g in gallery.tolist()] for q in queries.tolist()]
    np.testing.assert_allclose(pairwise_distances(queries, gallery, name), expected, rtol=1e-5, atol=1e-6)


def test_cosine_normalises_by_itself():
    assert pairwise_distances([[10.0, 0.0]], [[0.1, 0.0], [0.0, 7.0], [-3.0, 0.0]]).tolist() == [[0.0, 1.0, 2.0]]


@pytest.mark.parametrize(
    ("alias", "name"), [("l2", "euclidean"), ("IP", "inner_product"), ("sql2", "squared_euclidean")]
)
def test_get_distance__alias__gives_the_canonical_distance(alias, name):
    assert get_distance(alias).name == name


def test_get_distance__unknown_name__suggests_the_nearest():
    with pytest.raises(ValueError, match=r"got 'eucldean'.\n  Did you mean 'euclidean'\?"):
        get_distance("eucldean")


def test_get_distance__distance__comes_back_as_it_is():
    own = Distance("own", (0.0, 1.0), lambda a, b: a[..., 0] * b[..., 0])
    assert get_distance(own) is own


@pytest.mark.parametrize(
    ("queries", "gallery", "message"),
    [
        ([[1.0]], [[1.0, 2.0, 3.0]], r"rows of one width: got shapes \(1, 1\) and \(1, 3\)"),
        ([[1.0, 2.0, 3.0]], [[1.0]], r"rows of one width: got shapes \(1, 3\) and \(1, 1\)"),
        ([1.0, 2.0], [[1.0, 2.0]], r"`queries` needs shape \(n, d\): got shape \(2,\)"),
        ([[1.0, 2.0]], [[[1.0, 2.0]]], r"`gallery` needs shape \(n, d\): got shape \(1, 1, 2\)"),
    ],
)
def test_pairwise_distances__rows_that_do_not_match__are_named(queries, gallery, message):
    with pytest.raises(ValueError, match=message + r".*\n  "):
        pairwise_distances(queries, gallery, "euclidean")


@pytest.mark.parametrize("name", distance_names())
def test_pairwise_distances__no_rows__is_empty(name):
    assert pairwise_distances(np.empty((0, 2)), [[1.0, 2.0]], name).shape == (0, 1)
    assert pairwise_distances([[1.0, 2.0]], np.empty((0, 2)), name).shape == (1, 0)


def test_pairwise_distances__rows_without_a_direction_or_power__are_as_documented():
    rows = [[0.0, 0.0], [3.0, 4.0]]
    assert pairwise_distances(rows, rows).tolist() == [[0.0, 0.5], [0.5, 0.0]]
    assert pairwise_distances(rows, rows, "snr").tolist() == [[0.0, math.inf], [1.0, 0.0]]
