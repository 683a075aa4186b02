"""A model in another runtime gives the embeddings that it gave here."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytestmark = [pytest.mark.training, pytest.mark.slow]

from keras_similarity.export import FORMATS, ExportError, export_model  # noqa: E402  after the skip
from keras_similarity.export.models import SUFFIXES  # noqa: E402

PACKAGES = {"onnx": "onnxruntime", "saved_model": "tensorflow", "openvino": "openvino", "litert": "tensorflow"}
CONVERTERS = {"jax": "jax2onnx", "tensorflow": "tf2onnx", "torch": "onnxscript"}


@pytest.fixture(scope="module")
def model():
    from keras_similarity.layers import MetricEmbedding
    from keras_similarity.models import SimilarityModel

    keras.utils.set_random_seed(5)
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    return SimilarityModel(inputs, MetricEmbedding(6)(x))


@pytest.mark.parametrize("format", FORMATS)
def test_export__equal_within_1e4_or_refused_by_name(model, tmp_path, format):
    target = tmp_path / f"model{SUFFIXES[format]}"
    if keras.backend.backend() not in FORMATS[format][1]:
        with pytest.raises(ExportError, match=f"cannot write {format}"):
            export_model(model, target, format, pixel_scale=1 / 255)
        assert list(tmp_path.iterdir()) == []
        return
    pytest.importorskip(PACKAGES[format])
    if format == "onnx":
        pytest.importorskip(CONVERTERS[keras.backend.backend()])
    assert export_model(model, target, format, pixel_scale=1 / 255) <= 1e-4
    assert {path.stem for path in tmp_path.iterdir()} == {"model"}


def test_onnx__takes_pixels_and_any_number_of_rows_and_normalises(model, tmp_path, rng):
    pytest.importorskip("onnxruntime")
    pytest.importorskip(CONVERTERS[keras.backend.backend()])
    from keras_similarity.embed.onnx import open_onnx

    export_model(model, tmp_path / "model.onnx", "onnx", pixel_scale=1 / 255)
    encoder = open_onnx(tmp_path / "model.onnx")
    assert (encoder.kind, encoder.shape, encoder.dim, encoder.pixel_scale) == ("image", (12, 12, 3), 6, 1.0)
    pixels = rng.integers(0, 256, (7, 12, 12, 3))
    embeddings = encoder(pixels)
    np.testing.assert_allclose(embeddings, model.embed(pixels.astype(np.float32) / 255), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
