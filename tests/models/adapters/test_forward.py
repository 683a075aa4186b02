import threading

import keras
import numpy as np
import pytest

from keras_similarity.layers import MetricEmbedding
from keras_similarity.models import SimilarityModel
from keras_similarity.models.adapters.forward import Forward


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    inputs = keras.Input((5,))
    x = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(inputs))
    model = SimilarityModel(inputs, MetricEmbedding(3)(x))
    model.compile("adam", "mse")
    return model


def test_call__is_what_predict_returns(model, rng):
    x = rng.normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_allclose(Forward(model)(x), model.predict(x, verbose=0), rtol=1e-5)


def test_call__after_training__uses_the_new_weights(model, rng):
    x = rng.normal(size=(4, 5)).astype(np.float32)
    forward = Forward(model)
    before = forward(x)
    during = []
    see = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: during.append(forward(x)))
    model.fit(x, np.ones((4, 3)), epochs=2, verbose=0, callbacks=[see])
    assert not np.allclose(before, during[0])
    assert not np.allclose(during[0], during[1])
    np.testing.assert_allclose(forward(x), model.predict(x, verbose=0), rtol=1e-5)


def test_call__layer_with_new_variables__is_compiled_anew(rng):
    inputs = keras.Input((8,))
    dense = keras.layers.Dense(8)
    model = SimilarityModel(inputs, dense(inputs))
    model.compile("adam", "mse")
    x = rng.normal(size=(4, 8)).astype(np.float32)
    forward = Forward(model)
    forward(x)
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.ones((2, 8)))
    np.testing.assert_allclose(forward(x), keras.ops.convert_to_numpy(model(x)), rtol=1e-4)


def test_call__several_threads__agree(model, rng):
    x = rng.normal(size=(4, 5)).astype(np.float32)
    forward = Forward(model)
    expected, found = forward(x), []
    threads = [threading.Thread(target=lambda: found.extend(forward(x) for _ in range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(np.array_equal(one, expected) for one in found)


class Mean(keras.layers.Layer):
    """The mean over a sequence, with its length as what traces it sees it."""

    def call(self, x):
        return keras.ops.sum(x, axis=1) / keras.ops.cast(keras.ops.shape(x)[1], x.dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])


def test_call__other_lengths_and_types__are_computed_as_they_are(rng):
    inputs = keras.Input((None, 3))
    forward = Forward(keras.Model(inputs, Mean()(inputs)))
    for shape, kind in [((2, 5, 3), "float32"), ((4, 5, 3), "float32"), ((2, 7, 3), "float32"), ((2, 7, 3), "uint8")]:
        batch = (10 * rng.random(shape)).astype(kind)
        np.testing.assert_allclose(forward(batch), batch.mean(axis=1), rtol=1e-5)
