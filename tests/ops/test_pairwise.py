import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity.core import distance_names
from keras_similarity.ops import paired_distances, pairwise_distances
from oracles.pairs import distance_matrix

each_distance = pytest.mark.parametrize("name", distance_names())


@pytest.fixture
def rows(rng):
    return rng.normal(size=(6, 5)), rng.normal(size=(4, 5))


@each_distance
def test_all_pairs_equal_the_definition(name, rows):
    values = pairwise_distances(*(ops.array(part, "float32") for part in rows), name)
    np.testing.assert_allclose(ops.convert_to_numpy(values), distance_matrix(name, *rows), rtol=1e-4, atol=1e-5)


@each_distance
def test_pairs_of_rows_equal_the_definition(name, rows):
    queries, keys = rows[0][:4], rows[1]
    values = paired_distances(*(ops.array(part, "float32") for part in (queries, keys)), name)
    expected = np.diagonal(distance_matrix(name, queries, keys))
    np.testing.assert_allclose(ops.convert_to_numpy(values), expected, rtol=1e-5)


@each_distance
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_rows_have_finite_gradients(name, value):
    x = np.full((3, 4), value, np.float32)
    for function in (pairwise_distances, paired_distances):
        _, gradient = value_and_gradient(lambda e, f=function: ops.sum(f(e, e, name)), x)
        assert np.isfinite(gradient).all()
