import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.core import distance_names, pairwise_distances
from keras_similarity.index.engines import exact
from keras_similarity.index.engines.sketch import Sketch


def clustered(rng, count, dim, spread):
    centres = rng.normal(size=(10, dim)) * 3
    return (centres[rng.integers(0, 10, count)] + spread * rng.normal(size=(count, dim))).astype(np.float32)


@pytest.mark.parametrize("with_terms", [False, True])
def test_lower_bounds_are_below_the_scores(rng, with_terms):
    rows, query = clustered(rng, 3000, 40, 0.5), rng.normal(size=40).astype(np.float32)
    scale = rng.uniform(0.1, 4, 3000).astype(np.float32) if with_terms else np.empty(0, np.float32)
    bias = rng.normal(size=3000).astype(np.float32) if with_terms else np.empty(0, np.float32)
    scores = rows.astype(np.float64) @ query
    scores = scores * scale + bias if with_terms else scores
    bounds = Sketch(rows, scale, bias).lower_bounds(query, float(query @ query))
    assert (bounds[:3000] <= scores).all()
    assert (bounds[3000:] == np.inf).all()


@pytest.mark.parametrize("spread", [0.1, 100.0], ids=["clusters: it prunes", "a cloud: it gives up"])
@pytest.mark.parametrize("distance", distance_names())
def test_search__one_query_in_a_large_gallery__equals_brute_force(distance, spread, rng, monkeypatch):
    monkeypatch.setattr(exact, "SKETCH_ELEMENTS", 2**10)
    gallery, queries = clustered(rng, 4000, 40, spread), clustered(rng, 6, 40, spread)
    queries[0] = gallery[5]
    index = Index(40, distance)
    index.add(gallery[:2000])
    index.search(queries[:1], k=3)  # a sketch of the first half must not serve the whole
    index.add(gallery[2000:])
    expected = pairwise_distances(queries, gallery, distance)
    nearest = np.unique(np.argsort(expected, axis=1)[:, :2])
    index.remove(nearest)
    expected[:, nearest] = np.inf
    for row, query in enumerate(queries):
        best = np.sort(expected[row])[:9]
        np.testing.assert_allclose(index.search(query[None], k=9).distances[0], best, rtol=1e-4, atol=1e-5)
