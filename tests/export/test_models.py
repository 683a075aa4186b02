"""A model in another runtime gives the embeddings that it gave here."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="models are exported where Keras is")
pytestmark = [pytest.mark.training, pytest.mark.slow]

from typer.testing import CliRunner  # noqa: E402  after the skip

from guides import run_guide  # noqa: E402
from keras_similarity.cli.commands import app  # noqa: E402
from keras_similarity.errors import MissingExtraError  # noqa: E402
from keras_similarity.export import FORMATS, ExportError, export_model, models  # noqa: E402
from keras_similarity.export.models import SUFFIXES  # noqa: E402

PACKAGES = {"onnx": "onnxruntime", "saved_model": "tensorflow", "openvino": "openvino", "litert": "tensorflow"}
NO_CONVERTER = "what writes ONNX on this backend is not installed; make test-all has it"
CONVERTERS = {"jax": "jax2onnx", "tensorflow": "tf2onnx", "torch": "onnxscript"}


@pytest.fixture(scope="module")
def model():
    from keras_similarity.layers import MetricEmbedding
    from keras_similarity.models import SimilarityModel

    keras.utils.set_random_seed(5)
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.MaxPooling2D((3, 2), strides=(2, 1), padding="same")(x)
    x = keras.layers.MaxPooling2D()(x)
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
    pytest.importorskip(PACKAGES[format], reason="an extra; make test-all has it")
    if format == "onnx":
        pytest.importorskip(CONVERTERS[keras.backend.backend()], reason=NO_CONVERTER)
    assert export_model(model, target, format, pixel_scale=1 / 255) <= 1e-4
    assert {path.stem for path in tmp_path.iterdir()} == {"model"}


def test_onnx__takes_pixels_and_any_number_of_rows_and_normalises(model, tmp_path, rng):
    pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
    pytest.importorskip(CONVERTERS[keras.backend.backend()], reason=NO_CONVERTER)
    from keras_similarity.embed.onnx import open_onnx

    export_model(model, tmp_path / "model.onnx", "onnx", pixel_scale=1 / 255)
    encoder = open_onnx(tmp_path / "model.onnx")
    assert (encoder.kind, encoder.shape, encoder.dim, encoder.pixel_scale) == ("image", (12, 12, 3), 6, 1.0)
    pixels = rng.integers(0, 256, (7, 12, 12, 3))
    embeddings = encoder(pixels)
    np.testing.assert_allclose(embeddings, model.embed(pixels.astype(np.float32) / 255), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_command__writes_what_the_model_takes_into_the_copy(tmp_path, rng):
    pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
    pytest.importorskip(CONVERTERS[keras.backend.backend()], reason=NO_CONVERTER)
    from keras_similarity.architectures import from_backbone
    from keras_similarity.embed.onnx import open_onnx

    inputs = keras.Input((12, 12, 3))
    backbone = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    model = from_backbone(backbone, 6, preprocessing="tf", value_range=(-1, 1))
    model.save(tmp_path / "m.keras")
    done = CliRunner().invoke(app, ["export", str(tmp_path / "m.keras"), str(tmp_path / "m.onnx"), "--to", "onnx"])
    assert done.exit_code == 0, done.exception
    pixels = rng.integers(0, 256, (7, 12, 12, 3))
    np.testing.assert_allclose(open_onnx(tmp_path / "m.onnx")(pixels), model.embed(pixels / 127.5 - 1), atol=1e-4)


def test_program_of_the_page__opens_what_it_wrote(tmp_path, monkeypatch, rng):
    pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
    pytest.importorskip(CONVERTERS[keras.backend.backend()], reason=NO_CONVERTER)
    monkeypatch.chdir(tmp_path)
    names = run_guide("export.md", least=1)
    assert names["difference"] <= 1e-4
    assert names["embeddings"].shape == (2, 8)
    pixels = rng.integers(0, 256, (2, 24, 24, 3)).astype(np.uint8)
    np.testing.assert_allclose(names["encoder"](pixels), names["model"].embed(pixels), atol=1e-4)


@pytest.fixture(scope="module")
def of_ids():
    from keras_similarity.layers import MetricEmbedding
    from keras_similarity.models import SimilarityModel

    keras.utils.set_random_seed(6)
    inputs = keras.Input((7,), dtype="int32")
    vectors = keras.layers.Embedding(3, 5)(inputs)
    return SimilarityModel(inputs, MetricEmbedding(6)(keras.layers.GlobalAveragePooling1D()(vectors)))


@pytest.fixture(scope="module")
def of_texts():
    from keras_similarity.architectures import TextSim

    keras.utils.set_random_seed(7)
    return TextSim(6, buckets=50, length=7)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["of_ids", "of_texts"])
def test_export__model_of_whole_numbers(request, tmp_path, format, name):
    if keras.backend.backend() not in FORMATS[format][1]:
        pytest.skip("this backend cannot write it")
    pytest.importorskip(PACKAGES[format], reason="an extra; make test-all has it")
    if format == "onnx":
        pytest.importorskip(CONVERTERS[keras.backend.backend()], reason=NO_CONVERTER)
    assert export_model(request.getfixturevalue(name), tmp_path / f"model{SUFFIXES[format]}", format) <= 1e-4


def test_onnx__of_texts__takes_the_ids_that_prepare_gives(of_texts, tmp_path):
    pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
    pytest.importorskip(CONVERTERS[keras.backend.backend()], reason=NO_CONVERTER)
    from keras_similarity.embed.onnx import open_onnx

    texts = ["a red car", "two cats", "nothing of the kind"]
    export_model(of_texts, tmp_path / "model.onnx", "onnx")
    encoder = open_onnx(tmp_path / "model.onnx")
    assert (encoder.kind, encoder.shape) == ("vector", (7,))
    np.testing.assert_allclose(encoder(of_texts.prepare(texts)), of_texts.embed(texts), atol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="no other backend has strings")
def test_converter_that_is_not_installed__is_named(of_ids, tmp_path, monkeypatch):
    pytest.importorskip("onnx")

    def export(*_, **__):
        raise ImportError("This requires the jax2onnx module. You can install it via `pip install jax2onnx`")

    monkeypatch.setattr(keras.Model, "export", export)
    with pytest.raises(MissingExtraError, match="requires the jax2onnx module"):
        export_model(of_ids, tmp_path / "model.onnx", "onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_folder_of_other_things__is_left_alone(of_ids, tmp_path, format):
    if keras.backend.backend() not in FORMATS[format][1]:
        pytest.skip("this backend cannot write it")
    folder = tmp_path / f"work{SUFFIXES[format]}"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="holds no model"):
        export_model(of_ids, folder, format)
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_copy_that_gives_no_numbers__is_refused(of_ids, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
    pytest.importorskip(CONVERTERS[keras.backend.backend()], reason=NO_CONVERTER)
    broken = {"onnx": (PACKAGES["onnx"], lambda path: lambda rows: np.full((len(rows), 6), np.nan, np.float32))}
    monkeypatch.setattr(models, "RUNTIMES", broken)
    with pytest.raises(ExportError, match="they differ by nan"):
        export_model(of_ids, tmp_path / "model.onnx", "onnx")
    assert not list(tmp_path.iterdir())


def test_model_of_strings__is_refused(tmp_path):
    lookup = keras.layers.TextVectorization(vocabulary=["red", "car"], output_sequence_length=3)
    inputs = keras.Input((), dtype="string")
    vectors = keras.layers.Embedding(4, 5)(lookup(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(vectors))
    with pytest.raises(ExportError, match="takes strings"):
        export_model(model, tmp_path / "model.onnx", "onnx")
