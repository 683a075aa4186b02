"""A model of strangers is refused before Keras opens it, by the name of what it should not hold."""

import json
import zipfile

import keras
import pytest

from keras_similarity.errors import ModelFileError
from keras_similarity.layers import MetricEmbedding
from keras_similarity.losses import MultiSimilarityLoss
from keras_similarity.models import SimilarityModel
from keras_similarity.models.allowed_classes import check_model_file


def write(path, config, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def layer(**about):
    return {"module": "keras", "class_name": "Functional", "config": {"layers": [{"config": {}} | about]}}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """An honest model, with an optimizer, a loss and layers of many kinds."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = SimilarityModel(inputs, MetricEmbedding(3)(x))
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10)), loss=MultiSimilarityLoss())
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path


def test_honest_models__pass(saved):
    check_model_file(saved)


def test_model_of_the_drop_in__passes(tmp_path):
    from tensorflow_similarity.models import SimilarityModel as DropIn

    inputs = keras.Input((2,))
    DropIn(inputs, MetricEmbedding(3)(inputs)).save(tmp_path / "m.keras")
    check_model_file(tmp_path / "m.keras")


BAD = {
    "lambda": (layer(module="keras.layers", class_name="Lambda"), "Lambda"),
    "SavedModel inside": (layer(module="keras.layers", class_name="TFSMLayer"), "TFSMLayer"),
    "torch module inside": (layer(module="keras.layers", class_name="TorchModuleWrapper"), "TorchModuleWrapper"),
    "JAX function inside": (layer(module="keras.layers", class_name="JaxLayer"), "JaxLayer"),
    "any module": (layer(module="os", class_name="System"), "os.System"),
    "a function of any module": (layer(module="os", class_name="system"), "os.system"),
    "a function of Keras": (layer(module="keras.utils", class_name="get_file"), "get_file"),
    "an inner module of Keras": (layer(module="keras.src.utils.file_utils", class_name="Path"), "file_utils"),
    "a function among layers": (layer(module="keras.layers", class_name="deserialize"), "deserialize"),
    "a builtin": (layer(module="builtins", class_name="eval"), "eval"),
    "a function by name": (layer(module="builtins", class_name="function"), "function"),
    "another module of the drop-in's name": (layer(module="tensorflow_similarity.evil", class_name="X"), "evil.X"),
    "another's registered class": (
        layer(module=None, class_name="Mine", registered_name="evil>Mine"),
        "evil>Mine",
    ),
    "a file as vocabulary": (
        layer(module="keras.layers", class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
        "/etc/passwd",
    ),
    "no class but a list": (layer(module="keras.layers", class_name=["Dense"]), "not allowed"),
}


@pytest.mark.parametrize("name", BAD)
def test_dangerous_config__is_refused_by_name(tmp_path, name):
    config, words = BAD[name]
    with pytest.raises(ModelFileError, match=r"Load it with|not allowed") as caught:
        check_model_file(write(tmp_path / "m.keras", config))
    assert words in str(caught.value)


@pytest.mark.parametrize("where", ["compile_config", "build_config", "config"])
def test_dangerous_class__is_found_wherever_it_hides(tmp_path, saved, where):
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    config[where] = {"deep": [{"a": [[{"module": "subprocess", "class_name": "Popen", "config": {}}]]}]}
    with pytest.raises(ModelFileError, match=r"subprocess\.Popen"):
        check_model_file(write(tmp_path / "m.keras", config))


def test_archives_that_keras_never_writes__are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="leads out of it"):
        check_model_file(write(tmp_path / "a.keras", {}, **{"..__..__evil": "x"}))
    with pytest.raises(ModelFileError, match="unpacks to too much"):
        check_model_file(write(tmp_path / "b.keras", {}, bomb=b"\0" * 20_000_000))
    with pytest.raises(ModelFileError, match="no whole"):
        check_model_file(write(tmp_path / "c.keras", "[" * 100_000))
    (tmp_path / "d.keras").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ModelFileError, match="no whole"):
        check_model_file(tmp_path / "d.keras")
