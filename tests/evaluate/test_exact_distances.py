"""Distances in blocks, by products of rows, beside their definitions."""

import numpy as np
import pytest

from keras_similarity.core import distance_names, get_distance, pairwise_distances
from keras_similarity.core.distances import Distance
from keras_similarity.evaluate.exact_distances import ExactDistances

# A form of the user's own need not be a straight line of the scores, as those of the package are.
BENT = Distance("bent", (0.0, np.inf), get_distance("euclidean").between, dots=get_distance("euclidean").dots)


@pytest.mark.parametrize("distance", [*map(get_distance, distance_names()), BENT], ids=lambda value: value.name)
def test_blocks_equal_the_definition(distance, rng):
    gallery, queries = (rng.normal(size=(count, 6)).astype(np.float32) for count in (40, 9))
    found = np.empty((9, 40), np.float32)
    for part, distances in ExactDistances(gallery, distance).blocks(queries, np.arange(9)):
        found[part] = distances
    np.testing.assert_allclose(found, pairwise_distances(queries, gallery, distance), rtol=1e-5, atol=1e-6)
