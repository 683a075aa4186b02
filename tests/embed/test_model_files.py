"""What a model takes, by its layers: pixels arrive in the range that it was built for."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="models are made where Keras is")
pytestmark = pytest.mark.training

from keras import layers  # noqa: E402  after the skip

from keras_similarity.architectures import FrozenBackbone, ImagePreprocessing  # noqa: E402
from keras_similarity.embed.model_files import encoder_fingerprint, keras_encoder, open_model  # noqa: E402

SHAPE = (4, 4, 3)


def model_of(*parts, shape=SHAPE):
    """A model of layers one behind the other, which ends in a row an image."""
    inputs = hidden = keras.Input(shape)
    for part in parts:
        hidden = part(hidden)
    return keras.Model(inputs, layers.Flatten()(hidden))


def inner(*parts):
    """A model of maps, to be a layer of another."""
    return keras.Sequential([keras.Input(SHAPE), *parts, layers.Conv2D(2, 3)])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (lambda: [], (0, 1)),
        (lambda: [layers.Rescaling(1 / 255)], (0, 255)),
        (lambda: [layers.RandomFlip(), layers.Normalization(mean=3.0, variance=2.0)], (0, 255)),
        (lambda: [ImagePreprocessing("tf")], (0, 255)),
        (lambda: [ImagePreprocessing("torch", value_range=(-1, 1))], (-1, 1)),
        (lambda: [ImagePreprocessing("none")], (0, 255)),
        (lambda: [ImagePreprocessing("pixels", value_range=(0, 1)), inner(layers.Rescaling(1 / 255))], (0, 1)),
        (lambda: [layers.Rescaling(1 / 255), ImagePreprocessing("tf", value_range=(0, 1))], (0, 255)),
        (lambda: [inner(ImagePreprocessing("unit", value_range=(0, 1)), layers.Rescaling(2.0))], (0, 1)),
        (lambda: [FrozenBackbone(inner(layers.Rescaling(1 / 255)))], (0, 255)),
    ],
    ids=[
        "none",
        "Rescaling",
        "Normalization behind an augmenter",
        "pixels",
        "-1 to 1",
        "as they come",
        "before a backbone that scales",
        "after Rescaling",
        "in a backbone",
        "a frozen backbone that scales",
    ],
)
def test_first_layer_that_scales_images__tells_the_range_of_its_pixels(parts, expected):
    encoder = keras_encoder(model_of(*parts()), "m")
    taken = encoder.pixel_offset, 255 * encoder.pixel_scale + encoder.pixel_offset
    assert taken == pytest.approx(expected, abs=1e-6)


def test_rows_of_numbers__are_left_as_they_are():
    encoder = keras_encoder(model_of(layers.Rescaling(2.0), shape=(3,)), "m")
    assert (encoder.pixel_scale, encoder.pixel_offset) == (1, 0)


def test_pixels__are_scaled_and_moved_before_the_model_has_them(rng):
    pixels = rng.integers(0, 256, (3, *SHAPE)).astype(np.uint8)
    encoder = open_model(model_of(ImagePreprocessing("none", value_range=(-1, 1))))
    np.testing.assert_allclose(encoder(pixels), pixels.reshape(3, -1) / 127.5 - 1, atol=1e-6)


def test_encoders_that_differ_in_what_is_added_alone__are_two():
    both = [keras_encoder(model_of(ImagePreprocessing(value_range=span)), "m") for span in [(-1, 254), (0, 255)]]
    assert len({encoder_fingerprint(encoder, encoder) for encoder in both}) == 2
