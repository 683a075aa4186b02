"""What TensorFlow Similarity's layers got wrong, each shown to be right here."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity.layers import GeneralizedMeanPooling1D, GeneralizedMeanPooling2D, MetricEmbedding

INFINITY = float("inf")


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def test_metric_embedding_of_three_axes_was_normalised_along_the_second(rng):
    embeddings = numpy_of(MetricEmbedding(5)(rng.normal(size=(2, 3, 7)).astype(np.float32)))
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=2), 1, rtol=1e-5)
    assert not np.allclose(np.linalg.norm(embeddings, axis=1), 1)


def test_gem_shifted_each_channel_before_it_pooled():
    """Moved so that the least is 1, pooled and moved back, 2 and 4 gave 14^(1/3) + 1 = 3.41; the paper's is 3.30."""
    pooled = numpy_of(GeneralizedMeanPooling1D(p=3.0)(np.array([[[1.0], [3.0]], [[2.0], [4.0]]], np.float32)))
    np.testing.assert_allclose(pooled[:, 0], [14 ** (1 / 3), 36 ** (1 / 3)], rtol=1e-5)


def test_gem_power_was_not_trained():
    layer = GeneralizedMeanPooling2D()
    layer.build((None, 4, 4, 3))
    assert [variable.name for variable in layer.trainable_variables] == ["p"]


@pytest.mark.parametrize("keepdims", [False, True])
def test_gem_of_infinite_power_failed_in_a_model_of_unknown_batch_and_ignored_keepdims_in_1d(keepdims, rng):
    x = rng.uniform(0, 3, (2, 6, 3)).astype(np.float32)
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, GeneralizedMeanPooling1D(INFINITY, keepdims=keepdims)(inputs))
    assert model.output_shape == ((None, 1, 3) if keepdims else (None, 3))
    assert np.array_equal(model.predict(x, verbose=0), x.max(axis=1, keepdims=keepdims))


def test_gem_gave_its_name_to_an_inner_layer_too():
    layer = GeneralizedMeanPooling2D(name="pool")
    layer.build((None, 4, 4, 3))
    assert layer.name == "pool"
    assert [variable.path for variable in layer.variables] == ["pool/p"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_overflowed(dtype):
    x = ops.cast(ops.convert_to_tensor(np.full((1, 4, 2), 300.0, np.float32)), dtype)
    pooled = GeneralizedMeanPooling1D(p=8.0, dtype=dtype)(x)
    np.testing.assert_allclose(numpy_of(ops.cast(pooled, "float32")), 300.0, rtol=1e-2)
    embedding = MetricEmbedding(2, normalize=True, dtype=dtype, kernel_initializer="ones")(
        300.0 * ops.ones((1, 3), dtype)
    )
    np.testing.assert_allclose(numpy_of(embedding), 0.5**0.5, rtol=1e-3)
