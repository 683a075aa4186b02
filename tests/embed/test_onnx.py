"""ONNX files of other people: what they may look like, and what is said of those that cannot be used."""

import numpy as np
import pytest

from keras_similarity.errors import ModelFileError

pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
pytest.importorskip("onnx", reason="an extra (onnx); make test-all has it")

from onnx import TensorProto, helper

from keras_similarity.embed.onnx import open_onnx
from onnx_files import MEANS, NUMBERS, write_onnx

CONSTANT = helper.make_node("Constant", [], ["embedding"], value=helper.make_tensor("c", 1, [1, 3], [1.0, 2.0, 3.0]))
MEAN_OF_ALL = (MEANS[0], helper.make_node("ReduceMean", ["numbers"], ["embedding"], keepdims=0))
ONE_ROW_ALONE = (  # says that it takes any number, and takes one
    *(
        MEANS[0],
        helper.make_node("Constant", [], ["s"], value=helper.make_tensor("s", TensorProto.INT64, [2], [1, 192])),
    ),
    helper.make_node("Reshape", ["numbers", "s"], ["embedding"]),
)


@pytest.mark.parametrize(
    "about",
    [
        {"inputs": None, "outputs": (1, 3), "nodes": [CONSTANT]},
        {"outputs": (), "nodes": MEAN_OF_ALL},
        {"inputs": ("n", "h", "w", 3)},
        {"inputs": (), "outputs": (), "nodes": NUMBERS},
        {"kind": TensorProto.BOOL},
    ],
    ids=["no input", "a number for all", "any height", "a number in", "bits"],
)
def test_model_that_is_no_encoder__is_refused_by_name(tmp_path, about):
    with pytest.raises(ModelFileError, match=r"one output \(n, d\): m\.onnx has inputs"):
        open_onnx(write_onnx(tmp_path / "m.onnx", **about))


def test_path_without_a_file__is_no_damaged_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model at .*m\.onnx"):
        open_onnx(str(tmp_path / "m.onnx"))


@pytest.mark.parametrize("note", ["[255]", "255", "{pixels", "null"])
def test_damaged_note__is_refused(tmp_path, note):
    with pytest.raises(ModelFileError, match=r"m\.onnx has a damaged note"):
        open_onnx(write_onnx(tmp_path / "m.onnx", note=note))


@pytest.mark.parametrize("size", [1, 4])
def test_model_of_a_fixed_number_of_rows__takes_any(tmp_path, rng, size):
    encoder = open_onnx(write_onnx(tmp_path / "m.onnx", (size, 8, 8, 3), (size, 3)))
    pixels = rng.integers(0, 256, (7, 8, 8, 3))
    assert (encoder.kind, encoder.shape) == ("image", (8, 8, 3))
    np.testing.assert_allclose(encoder(pixels), pixels.mean(axis=(1, 2)) / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "scale"),
    [(TensorProto.FLOAT16, 1 / 255), (TensorProto.DOUBLE, 1 / 255), (TensorProto.UINT8, 1), (TensorProto.INT32, 1)],
    ids=["float16", "float64", "uint8", "int32"],
)
def test_numbers_of_other_kinds__are_what_the_model_takes(tmp_path, rng, kind, scale):
    encoder = open_onnx(write_onnx(tmp_path / "m.onnx", kind=kind))
    pixels = rng.integers(0, 256, (3, 8, 8, 3))
    np.testing.assert_allclose(encoder(pixels), pixels.mean(axis=(1, 2)) * scale, rtol=1e-3)


def test_model_that_fails_on_its_rows__is_an_error_of_ours(tmp_path):
    encoder = open_onnx(write_onnx(tmp_path / "m.onnx", outputs=("n", 192), nodes=ONE_ROW_ALONE))
    assert encoder(np.zeros((1, 8, 8, 3))).shape == (1, 192)
    with pytest.raises(ModelFileError, match=r"m\.onnx failed on 2 rows"):
        encoder(np.zeros((2, 8, 8, 3)))
