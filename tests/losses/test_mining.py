import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity.core.distances import distance_names
from keras_similarity.losses.mining import choose_negatives, choose_positives
from keras_similarity.ops import pairwise_distances


def compiled(function):
    """What `fit` makes of a function: XLA's program on JAX and TensorFlow."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    return function


def chosen(rows, keys, positives, negatives, distance):
    """One positive of each kind, and one negative of each kind, for every row."""
    distances = pairwise_distances(rows, keys, distance)
    farthest = choose_positives(distances, positives, "hard")
    others = [choose_negatives(distances, farthest, negatives, kind) for kind in ("hard", "easy", "semi-hard")]
    return [farthest, choose_positives(distances, positives, "easy"), *others]


@pytest.mark.slow
@pytest.mark.parametrize("distance", distance_names())
def test_compiled__what_is_chosen_is_the_extreme_of_its_own_class(rng, distance):
    rows, keys = ((rng.normal(size=(count, 24)) * 300 + 100).astype(np.float32) for count in (20, 700))
    positives = rng.integers(0, 5, 20)[:, None] == rng.integers(0, 5, 700)[None]
    tensors = [ops.convert_to_tensor(part) for part in (rows, keys, positives, ~positives)]
    places = [ops.convert_to_numpy(x) for x in compiled(lambda *parts: chosen(*parts, distance))(*tensors)]
    distances = ops.convert_to_numpy(pairwise_distances(*tensors[:2], distance))
    of_positives, of_negatives = np.where(positives, distances, np.nan), np.where(positives, np.nan, distances)
    farthest = np.nanmax(of_positives, axis=1)
    beyond = np.where(of_negatives > farthest[:, None], distances, np.inf).min(axis=1)
    largest = np.nanmax(of_negatives, axis=1)
    expected = [
        farthest,
        np.nanmin(of_positives, axis=1),
        np.nanmin(of_negatives, axis=1),
        largest,
        np.where(beyond < np.inf, beyond, largest),
    ]
    for place, value, masked in zip(places, expected, [of_positives] * 2 + [of_negatives] * 3, strict=True):
        np.testing.assert_allclose(np.take_along_axis(masked, place[:, None], axis=1)[:, 0], value, rtol=1e-5)


@pytest.mark.parametrize("first", [0, 2])
def test_equal_distances_of_both_classes__each_finds_its_own(first):
    distances = ops.convert_to_tensor(np.full((1, 4), 0.5, np.float32))
    mask = ops.convert_to_tensor(np.arange(4)[None] // 2 * 2 == first)
    farthest = choose_positives(distances, mask, "hard")
    found = [farthest, choose_positives(distances, mask, "easy")]
    found += [choose_negatives(distances, farthest, mask, kind) for kind in ("hard", "easy", "semi-hard")]
    assert [int(place[0]) for place in found] == [first] * 5
