import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity import SimilarityModel
from keras_similarity.layers import ArcFace, MetricEmbedding


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def test_rows_have_length_1_and_the_direction_of_the_projection(rng):
    layer, x = MetricEmbedding(5), rng.normal(size=(4, 7)).astype(np.float32)
    embeddings = numpy_of(layer(x))
    projected = x @ numpy_of(layer.dense.kernel) + numpy_of(layer.dense.bias)
    unit = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings, unit, rtol=1e-5, atol=1e-6)


def test_normalize_false__is_the_projection(rng):
    layer, x = MetricEmbedding(5, normalize=False), rng.normal(size=(4, 7)).astype(np.float32)
    np.testing.assert_allclose(numpy_of(layer(x)), x @ numpy_of(layer.dense.kernel), rtol=1e-5, atol=1e-6)


def test_more_axes__normalises_the_last(rng):
    embeddings = numpy_of(MetricEmbedding(5)(rng.normal(size=(2, 3, 7)).astype(np.float32)))
    assert embeddings.shape == (2, 3, 5)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=-1), 1, rtol=1e-5)


def test_zero_row_stays_zero():
    assert numpy_of(MetricEmbedding(3, use_bias=False)(np.zeros((1, 4), np.float32))).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision__output_is_float32_of_length_1(policy, rng):
    embeddings = MetricEmbedding(5, dtype=policy)(rng.normal(size=(4, 7)).astype(np.float32))
    assert keras.backend.standardize_dtype(embeddings.dtype) == "float32"
    np.testing.assert_allclose(np.linalg.norm(numpy_of(embeddings), axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("arguments", [{"units": 0}, {"units": 2.5}])
def test_bad_units__are_named(arguments):
    with pytest.raises(ValueError, match="`units` must be a whole number of at least 1"):
        MetricEmbedding(**arguments)


def test_saved_model__keeps_weights_and_settings(tmp_path, rng):
    inputs = keras.Input((7,))
    model = keras.Model(inputs, MetricEmbedding(5, use_bias=False, kernel_regularizer="l2")(inputs))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    x = rng.normal(size=(4, 7)).astype(np.float32)
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
    assert not again.layers[-1].dense.use_bias
    assert len(again.losses) == 1


@pytest.mark.slow
def test_quantised_to_int8__keeps_the_norm_and_the_direction_and_reloads_with_difference_0(tmp_path, rng):
    inputs = keras.Input((32,))
    features = keras.layers.Dense(64, activation="relu")(inputs)
    model = SimilarityModel(inputs, ArcFace(num_classes=5)(MetricEmbedding(16)(features)))
    x = rng.normal(size=(8, 32)).astype(np.float32)
    before = model.embed(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras names every layer that has nothing to quantise
        model.quantize("int8")
    after = model.embed(x)
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, rtol=1e-5)
    assert (before * after).sum(axis=1).min() > 0.99
    assert not np.array_equal(before, after)
    model.index(x, y=list("abcdefgh"))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert np.array_equal(again.embed(x), after)
    assert again.single_lookup(x[3], k=1)[0].label == "d"
