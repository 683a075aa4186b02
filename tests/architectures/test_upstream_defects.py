"""TensorFlow Similarity's defects around architectures, one test each."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_similarity.architectures import from_backbone
from keras_similarity.losses import MultiSimilarityLoss

pytestmark = pytest.mark.slow  # models that JAX compiles for seconds

LABELS = np.arange(12) % 3


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)


def backbone(name):
    inputs = keras.Input((8, 8, 3))
    hidden = layers.BatchNormalization()(layers.Conv2D(8, 3, activation="relu")(inputs))
    return keras.Model(inputs, hidden, name=name)


def test_pixels_go_in_as_they_are__preprocessing_is_not_the_user_s_work(images):
    network = backbone("resnet50")
    model = from_backbone(network, 4, pooling="avg")
    prepared = keras.applications.resnet.preprocess_input(images.astype("float32"))
    by_hand = keras.ops.convert_to_numpy(network(prepared)).mean(axis=(1, 2))
    expected = keras.ops.convert_to_numpy(model.get_layer("embedding")(by_hand))
    np.testing.assert_allclose(model.embed(images), expected, atol=1e-4)


@pytest.mark.slow
def test_fit_and_evaluate_agree_where_batch_norm_is_frozen(images):
    model = from_backbone(backbone("mine"), 4, preprocessing="tf", freeze_batch_norm=True)
    model.compile(keras.optimizers.SGD(0.0), loss=MultiSimilarityLoss())
    trained = model.fit(images, LABELS, batch_size=12, verbose=0).history["loss"][0]
    assert model.evaluate(images, LABELS, batch_size=12, verbose=0) == pytest.approx(trained, rel=1e-4)


def test_batch_norm_trains_where_all_does_unless_told_otherwise():
    names = {weight.name for weight in from_backbone(backbone("mine"), 4).trainable_weights}
    assert {"gamma", "beta"} <= names


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sequential", "channels", "tokens"])
def test_any_backbone_is_wrapped__not_two_alone(kind, images):
    wrapped = {
        "sequential": lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(8, 3)]),
        "channels": lambda: backbone("any"),
        "tokens": lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.Reshape((64, 3)), layers.Dense(8)]),
    }[kind]()
    model = from_backbone(wrapped, 4, preprocessing="tf")
    assert tuple(model(images).shape) == (12, 4)
