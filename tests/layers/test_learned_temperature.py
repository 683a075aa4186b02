"""A temperature in the length of rows: the loss sees it, and training moves it."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity import losses
from keras_similarity.layers import LearnedTemperature, MetricEmbedding
from keras_similarity.models import SimilarityModel


def test_a_loss_of_inner_products__sees_the_temperature(rng):
    views = rng.normal(size=(6, 2, 4)).astype(np.float32)
    rows = LearnedTemperature(0.2)(views)
    found = losses.info_nce(range(6), rows, distance="inner_product", temperature=1.0)
    expected = losses.info_nce(range(6), views, temperature=0.2)
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), rtol=1e-4)


def test_training_moves_it_and_saving_keeps_it(rng, tmp_path):
    keras.utils.set_random_seed(3)
    x, y = rng.normal(size=(16, 6)).astype(np.float32), np.arange(16, dtype="int32") % 4
    inputs = keras.Input((6,))
    layer = LearnedTemperature(0.5)
    model = SimilarityModel(inputs, layer(MetricEmbedding(4)(inputs)))
    model.compile(keras.optimizers.SGD(0.5), loss=losses.NTXentLoss("inner_product", 1.0), distance="cosine")
    model.fit(x, y, epochs=2, verbose=0)
    length = np.linalg.norm(model.embed(x), axis=1)
    assert np.allclose(length, length[0], rtol=1e-5)
    assert abs(length[0] - 2**0.5) > 1e-3
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.embed(x), model.embed(x), rtol=1e-5)


@pytest.mark.parametrize("temperature", [0, 0.01, 2, True, -1])
def test_a_temperature_out_of_range__is_named(temperature):
    with pytest.raises(ValueError, match=r"`temperature` must be above 0\.01 and at most 1: got"):
        LearnedTemperature(temperature)


def test_a_scale_at_its_limit__comes_back(rng):
    layer = LearnedTemperature(0.011)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs))
    x = rng.normal(size=(8, 4)).astype(np.float32)
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y_true, y_pred: -y_true * ops.sum(y_pred * y_pred) / 800)
    model.fit(x, np.ones(8), batch_size=8, epochs=2, verbose=0)
    assert float(layer.get_weights()[0]) == pytest.approx(np.log(100), rel=1e-6)
    model.fit(x, -np.ones(8), batch_size=8, verbose=0)
    assert float(layer.get_weights()[0]) < np.log(99)


def test_rows_are_wide_under_mixed_precision(rng):
    layer = LearnedTemperature(0.07, dtype="mixed_float16")
    x = rng.normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(ops.convert_to_numpy(layer(x)), axis=1), 0.07**-0.5, rtol=2e-3)
    assert layer(x).dtype == ops.convert_to_tensor(x).dtype


@pytest.mark.parametrize("wrong", ["x", None, [0.5]])
def test_a_temperature_that_is_no_number__is_named(wrong):
    with pytest.raises(ValueError, match="`temperature` must be above"):
        LearnedTemperature(wrong)


def test_in_half_precision__rows_keep_their_digits(rng):
    rows = rng.normal(size=(4, 8)).astype(np.float32)
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = keras.ops.convert_to_numpy(LearnedTemperature(1.0, dtype="mixed_bfloat16")(rows))
    np.testing.assert_allclose(found, expected, atol=1e-6)
