"""A model of strangers is refused before Keras opens it, by the name of what it should not hold."""

import contextlib
import io
import json
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_similarity.errors import ModelFileError
from keras_similarity.layers import MetricEmbedding
from keras_similarity.losses import MultiSimilarityLoss
from keras_similarity.models import SimilarityModel, load_model
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


WEIGHTS = "model.weights.h5"


def with_weights(path, saved, change, *, packed=zipfile.ZIP_STORED):
    """The honest model with something done to its weights, a function of the open HDF5 file."""
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO(members[WEIGHTS])
    with h5py.File(content, "r+") as weights:
        change(weights)
    members[WEIGHTS] = content.getvalue()
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, held in members.items():
            archive.writestr(name, held)
    return path


def a_kernel(weights):
    """The group and the key of one dataset of the weights."""
    found = []
    weights.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    name = next(name for name in found if weights[name].ndim > 1)
    return weights[name].parent, name.rpartition("/")[2]


def outside_link(weights):
    group, key = a_kernel(weights)
    del group[key]
    group[key] = h5py.ExternalLink("/etc/secret.h5", "/keys")


def link_on_the_way(weights):
    """A group that is a link: what lies below it looks honest."""
    group, _ = a_kernel(weights)
    name, parent = group.name.rpartition("/")[2], group.parent
    del parent[name]
    parent[name] = h5py.ExternalLink("/etc/secret.h5", "/")


def soft_link(weights):
    group, key = a_kernel(weights)
    del group[key]
    group[key] = h5py.SoftLink("/elsewhere")


def bytes_of_a_file(weights):
    group, key = a_kernel(weights)
    shape = group[key].shape
    del group[key]
    group.create_dataset(key, shape, "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def put_together(weights):
    group, key = a_kernel(weights)
    layout = h5py.VirtualLayout(shape=group[key].shape, dtype="f4")
    layout[...] = h5py.VirtualSource("/etc/secret.h5", "keys", shape=group[key].shape)
    del group[key]
    group.create_virtual_dataset(key, layout)


def endless_shape(weights):
    group, key = a_kernel(weights)
    del group[key]
    group.create_dataset(key, (2**20, 2**20), "f4", chunks=(2**10, 2**10))


def one_value_many_times(weights):
    """A dataset whose values have any length: each can be a reference to the same megabytes."""
    group, key = a_kernel(weights)
    del group[key]
    group.create_dataset(key, (3, 4), h5py.vlen_dtype(np.float32))


def one_text_many_times(weights):
    group, key = a_kernel(weights)
    group[key].attrs["dtype"] = ["bfloat16"] * 1000


def list_of_any_length(weights):
    kind = h5py.h5t.vlen_create(h5py.h5t.NATIVE_FLOAT)
    h5py.h5a.create(weights["layers"].id, b"name", kind, h5py.h5s.create(h5py.h5s.SCALAR))


CRAFTED = {
    outside_link: "has a link",
    link_on_the_way: "has a link",
    soft_link: "has a link",
    bytes_of_a_file: "in other files",
    put_together: "in other files",
    endless_shape: "stores next to none",
    one_value_many_times: "as references",
    one_text_many_times: "as references",
    list_of_any_length: "as references",
}


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("craft", CRAFTED, ids=lambda craft: craft.__name__)
def test_weights_that_lead_elsewhere_or_grow__are_refused(tmp_path, saved, craft, packed):
    path = with_weights(tmp_path / "m.keras", saved, craft, packed=packed)
    for read in (check_model_file, load_model):
        with pytest.raises(ModelFileError, match=f"weights.*{CRAFTED[craft]}"):
            read(path)


def test_weights_by_another_name__are_looked_at(tmp_path):
    content = io.BytesIO()
    with h5py.File(content, "w") as weights:
        weights["layers"] = h5py.ExternalLink("/etc/secret.h5", "/keys")
    with pytest.raises(ModelFileError, match="has a link"):
        check_model_file(write(tmp_path / "m.keras", {}, assets__weights=content.getvalue()))


def test_weights_behind_a_long_header__are_found(tmp_path, saved):
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(tmp_path / "m.keras", "w") as made:
        for name in archive.namelist():
            with made.open(name, "w", force_zip64=True) as file:  # what zipfile does for large members
                file.write(archive.read(name))
    check_model_file(tmp_path / "m.keras")


def test_weights_in_an_archive_of_their_own__are_refused(tmp_path):
    path = write(tmp_path / "m.keras", {}, **{"model.weights.npz": "small, and unpacked large"})
    with pytest.raises(ModelFileError, match="archive of its own"):
        check_model_file(path)


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_damage_of_a_packed_member__is_named(tmp_path, packed):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("config.json", json.dumps(list(range(1000))))
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(range(30))
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="no whole"):
        check_model_file(path)


def test_damaged_weights__are_named_wherever_the_damage_is(tmp_path, saved):
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(saved) as archive:
        content = archive.read(WEIGHTS)
    places = [*range(96), *rng.integers(96, len(content), 100)]
    for place in places:  # of the file's head every byte, and some of the rest
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path = write(tmp_path / "m.keras", {}, **{WEIGHTS: bytes(damaged)})
        with contextlib.suppress(ModelFileError):  # or none, in a number
            check_model_file(path)


def test_weights_whose_groups_hold_each_other__are_looked_through_once(tmp_path, saved):
    def circle(weights):
        weights["layers/again"] = weights["/"]

    check_model_file(with_weights(tmp_path / "m.keras", saved, circle))


def test_honest_weights__pass_however_they_are_packed(tmp_path, saved):
    for packed in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = with_weights(tmp_path / "m.keras", saved, lambda weights: None, packed=packed)
        check_model_file(path)
        rows = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
        np.testing.assert_array_equal(_loaded(path).embed(rows), _loaded(saved).embed(rows))


def _loaded(path):
    return load_model(path, compile=False)


def test_member_that_says_it_is_small_and_is_not__is_refused(tmp_path):
    """The size in the directory is what is read up to: what comes then does not fit the checksum."""
    path = write(tmp_path / "m.keras", {"layers": "x" * 2_000_000})
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 1000)
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="no whole"):
        check_model_file(path)


def test_archive_of_more_than_is_read__is_refused_by_the_sum(tmp_path, monkeypatch):
    from keras_similarity.models import allowed_classes

    monkeypatch.setattr(allowed_classes, "MOST_UNPACKED", 15_000_000)  # gigabytes in earnest
    block = np.random.default_rng(0).bytes(30_000)
    parts = {f"assets__{number}": block * 30 for number in range(20)}  # 0.9 MB each: none is a bomb by itself
    path = write(tmp_path / "m.keras", {}, **parts)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ModelFileError, match="more than is read"):
        check_model_file(path)
    monkeypatch.undo()
    check_model_file(path)


class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


@pytest.fixture
def own_class(tmp_path):
    inputs = keras.Input((2,))
    keras.Model(inputs, Doubled()(inputs)).save(tmp_path / "own.keras")
    return tmp_path / "own.keras"


def test_class_of_ones_own__is_let_through_when_it_is_given(own_class):
    with pytest.raises(ModelFileError, match="Doubled"):
        load_model(own_class)
    model = load_model(own_class, custom_objects={"Doubled": Doubled})
    assert model.predict(np.ones((1, 2)), verbose=0).tolist() == [[2, 2]]
    assert load_model(own_class, custom_objects={"Doubled": Doubled}, safe_mode=False).name == model.name


def test_class_that_was_registered__is_let_through(tmp_path):
    @keras.saving.register_keras_serializable("tests_of_models")
    class Tripled(Doubled):
        pass

    inputs = keras.Input((2,))
    keras.Model(inputs, Tripled()(inputs)).save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras").layers[-1].__class__ is Tripled


def test_name_of_ones_own__does_not_open_the_way_for_what_keras_makes_itself(tmp_path):
    config = layer(module=None, class_name="__lambda__", registered_name="Doubled")
    with pytest.raises(ModelFileError, match="not allowed"):
        check_model_file(write(tmp_path / "m.keras", config), {"Doubled": Doubled})


def test_operations_between_layers__are_let_through(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.ops.mean(keras.ops.relu(inputs) + inputs, axis=-1, keepdims=True))
    model.save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras").output_shape == (None, 1)


def test_pinned_file__is_loaded_and_another_is_refused(saved):
    import hashlib

    digest = hashlib.sha256(saved.read_bytes()).hexdigest()
    assert load_model(saved, sha256=digest.upper(), compile=False).name
    with pytest.raises(ModelFileError, match="another model"):
        load_model(saved, sha256=digest[:-1] + ("0" if digest[-1] != "0" else "1"))
