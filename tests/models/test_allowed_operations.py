"""Operations between layers in a model of others: those that only mend shapes and types pass."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity.errors import ModelFileError
from keras_similarity.layers import MetricEmbedding
from keras_similarity.models import SimilarityModel, load_model
from keras_similarity.models.allowed_classes import check_model_file

PLAIN = {
    "cast": lambda x: ops.cast(x, "float32"),
    "saturate_cast": lambda x: ops.saturate_cast(x, "float32"),
    "convert": ops.convert_to_tensor,
    "stop_gradient": ops.stop_gradient,
    "unstack": lambda x: ops.unstack(ops.reshape(x, (-1, 2, 4)), axis=1)[0],
    "slice": lambda x: x[:, :4],
}
RUN_CODE = ["Map", "Scan", "AssociativeScan", "Switch", "Cond", "WhileLoop", "ForiLoop", "VectorizedMap"]


def file_of(path, about):
    config = {"module": "keras", "class_name": "Functional", "config": {"layers": [{"config": {}} | about]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    return path


@pytest.mark.parametrize("name", PLAIN)
def test_plain_operations__are_loaded(name, tmp_path):
    inputs = keras.Input((8,))
    model = SimilarityModel(inputs, MetricEmbedding(4)(PLAIN[name](inputs)))
    model.save(tmp_path / "m.keras")
    rows = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    np.testing.assert_allclose(load_model(tmp_path / "m.keras").embed(rows), model.embed(rows), atol=1e-6)


@pytest.mark.parametrize("cls", [*RUN_CODE, "cast", "map", "backend", "Anything"])
def test_operations_that_take_functions__are_refused(cls, tmp_path):
    about = {"module": "keras.src.ops.core", "class_name": cls, "registered_name": cls}
    with pytest.raises(ModelFileError, match=rf"core\.{cls}"):
        check_model_file(file_of(tmp_path / "m.keras", about))


def function(name, **changed):
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"} | changed


def test_activations_by_name__pass(tmp_path):
    for name in ("gelu", "relu", "softmax", "tanh"):
        check_model_file(file_of(tmp_path / "m.keras", function(name)))


BAD = [function(name) for name in ("eval", "get", "deserialize", "map", "types", "__name__", "keras.utils.get_file")]
BAD += [function("gelu", module="os"), function("gelu", module=None), function("gelu", registered_name="evil")]
BAD += [function(["gelu"]), function({"config": "gelu"}), function(None)]


@pytest.mark.parametrize("about", BAD, ids=str)
def test_other_functions__are_refused(about, tmp_path):
    with pytest.raises(ModelFileError, match="not allowed"):
        check_model_file(file_of(tmp_path / "m.keras", about))
