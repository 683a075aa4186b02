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
