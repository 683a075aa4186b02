"""What TensorFlow Similarity's distances got wrong, each shown to be right here."""

import keras
import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity.core.distances import get_distance
from keras_similarity.ops import paired_distances, pairwise_distances

DISTANCES = ["cosine", "euclidean", "squared_euclidean", "manhattan", "inner_product", "snr"]


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def test_inner_product_was_larger_for_what_is_more_alike():
    near_and_far = numbers(pairwise_distances([[1.0, 1.0]], [[2.0, 2.0], [-1.0, 0.0]], "inner_product"))[0]
    assert near_and_far.tolist() == [-4.0, 1.0]


def test_cosine_took_rows_of_any_norm_as_if_they_had_norm_1():
    found = numbers(pairwise_distances([[3.0, 0.0]], [[5.0, 0.0], [0.0, 0.1], [-2.0, 0.0]], "cosine"))[0]
    np.testing.assert_allclose(found, [0, 1, 2], atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_half_precision_failed_or_overflowed(distance, dtype, rng):
    x = ops.cast(ops.convert_to_tensor(100 * rng.normal(size=(5, 8)).astype(np.float32)), dtype)
    wide = ops.cast(x, "float32")
    found = numbers(pairwise_distances(x, x, distance))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, numbers(pairwise_distances(wide, wide, distance)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean"])
def test_near_rows_far_from_0_lost_their_digits(distance):
    """‖q‖² − 2⟨q, k⟩ + ‖k‖² has none left here; where a value matters, it is computed from the difference."""
    x, y = np.array([[1000.0, 1000.0]], np.float32), np.array([[1000.0, 1000.5]], np.float32)
    expected = {"euclidean": 0.5, "squared_euclidean": 0.25}[distance]
    assert float(numbers(paired_distances(x, y, distance))[0]) == expected
    assert float(get_distance(distance).between(x, y)[0]) == expected


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_constant_row_was_nan(distance):
    """Its variance is 0, by which signal-to-noise divides."""
    x = np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]], np.float32)
    value, gradient = value_and_gradient(lambda e: ops.sum(pairwise_distances(e, e, distance)), x)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="TensorFlow does not tell what it keeps")
@pytest.mark.parametrize("distance", ["manhattan", "snr"])
def test_all_differences_were_kept_at_once(distance, rng):
    """Less than half of (q, n, d) floats for value and gradient together."""
    x = rng.normal(size=(128, 64)).astype(np.float32)
    assert kept_bytes(lambda e: ops.sum(ops.square(pairwise_distances(e, e, distance))), x) < 128 * 128 * 64 * 4 / 2


def kept_bytes(function, x):
    """What a gradient keeps of the forward pass (torch), or needs beside its result (JAX)."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(jax.grad(function)).lower(x).compile().memory_analysis().temp_size_in_bytes
    import torch

    kept = []

    def pack(tensor):
        kept.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        function(torch.tensor(x, requires_grad=True))
    return sum(kept)


def test_an_unknown_name_was_taken_as_it_was():
    with pytest.raises(ValueError, match="euclidean"):
        pairwise_distances([[1.0]], [[1.0]], "euclidian")
