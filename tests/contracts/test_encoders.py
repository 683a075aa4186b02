"""What every ready-made encoder promises. One added to `keras_similarity.architectures` needs a line in SMALL."""

import functools
import inspect
import itertools

import keras
import numpy as np
import pytest

from keras_similarity import SimilarityModel, architectures
from keras_similarity.embed.model_files import open_model
from keras_similarity.losses import MultiSimilarityLoss
from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = [pytest.mark.training, pytest.mark.slow]  # models that JAX compiles for seconds

ENCODERS = {
    name: value
    for name, value in vars(architectures).items()
    if inspect.isfunction(value) and (name.endswith("Sim") or name == "from_backbone")
}
LABELS = np.arange(8) % 2
WIDTH = 6


def images(rng, side=16):
    return rng.integers(0, 256, (8, side, side, 3)).astype(np.uint8)


def texts(rng):
    return [" ".join(rng.choice(["red", "car", "cat", "two", "blue"], size=4)) for _ in LABELS]


def table(rng):
    return np.where(rng.random((8, 5)) < 0.2, np.nan, rng.normal(size=(8, 5)) * 100)


def backbone():
    inputs = keras.Input((16, 16, 3))
    return keras.Model(inputs, keras.layers.Conv2D(8, 3, activation="relu")(inputs))


# An encoder -> its examples, and how to build it small enough for a test. Not below 8 channels: there PyTorch 2.13
# writes outside its memory, in the gradients of convolutions on a CPU.
SMALL = {
    "AudioSim": (
        lambda rng: (1000 * rng.normal(size=(8, 1000))).astype("float32"),
        lambda x: architectures.AudioSim(1000, WIDTH, sample_rate=8000, mels=12, filters=(8,)),
    ),
    "EfficientNetSim": (
        lambda rng: images(rng, 32),
        lambda x: architectures.EfficientNetSim((32, 32, 3), WIDTH, weights=None),
    ),
    "ResNet18Sim": (images, lambda x: architectures.ResNet18Sim((16, 16, 3), WIDTH, filters=8)),
    "ResNet50Sim": (
        lambda rng: images(rng, 32),
        lambda x: architectures.ResNet50Sim((32, 32, 3), WIDTH, weights=None, trainable="partial"),
    ),
    "TabularSim": (table, lambda x: architectures.TabularSim(x, WIDTH, hidden_units=(64,), missing="indicator")),
    "TextSim": (texts, lambda x: architectures.TextSim(WIDTH, buckets=50, length=8, width=8)),
    "from_backbone": (images, lambda x: architectures.from_backbone(backbone(), WIDTH, preprocessing="tf")),
}
TAKES_NO_NUMBERS = {"TextSim"}
OF_IMAGES = sorted(name for name, value in ENCODERS.items() if "value_range" in inspect.signature(value).parameters)


@pytest.fixture(params=sorted(ENCODERS))
def trained(request):
    """The encoder after a short training, its examples, and the weights it started from."""
    return after_training(request.param)


@functools.cache  # a fixture of the module would be made anew for each test, as they are shuffled
def after_training(name):
    make_examples, build = SMALL[name]
    x = make_examples(np.random.default_rng(0))
    keras.utils.set_random_seed(7)
    model = build(x)
    start = model.get_weights()
    model.compile("adam", loss=MultiSimilarityLoss())
    prepared = model.prepare(x) if hasattr(model, "prepare") else x
    history = model.fit(MultiShotMemorySampler(prepared, LABELS, 2, 4, seed=0), epochs=2, verbose=0).history["loss"]
    return model, x, start, history


def test_there_are_encoders_to_test__each_with_its_example():
    assert set(ENCODERS) == set(SMALL)


def test_it_is_a_similarity_model_and_a_step_trains_it(trained):
    model, _, start, history = trained
    assert isinstance(model, SimilarityModel)
    assert np.isfinite(history).all()
    assert any((old != new).any() for old, new in zip(start, model.get_weights(), strict=True))


def test_embeddings_have_length_1_and_a_row_does_not_depend_on_the_others(trained):
    model, x, _, _ = trained
    embeddings = model.embed(x)
    assert embeddings.shape == (8, WIDTH)
    assert embeddings.dtype == np.float32
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(8), rel=1e-5)
    others = [*x[4:], *x[4:]]  # as many again: another number of rows would be compiled anew, for seconds
    again = model.embed(others if isinstance(x, list) else np.stack(others))
    np.testing.assert_allclose(again[4:], embeddings[4:], atol=1e-5)


@pytest.mark.parametrize("trained", sorted(ENCODERS.keys() - TAKES_NO_NUMBERS), indirect=True)
def test_integers_and_floats_of_the_same_value_embed_alike(trained):
    model, x, _, _ = trained
    whole = np.nan_to_num(x).astype(np.uint8 if x.dtype == np.uint8 else np.int16)
    np.testing.assert_allclose(model.embed(whole), model.embed(whole.astype(np.float64)), rtol=0, atol=1e-6)


def test_index_and_file_bring_examples_back(trained, tmp_path):
    model, x, _, _ = trained
    model.reset_index()
    model.index(x, y=[f"item {row}" for row in range(8)])
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again) is type(model)
    np.testing.assert_allclose(again.embed(x), model.embed(x), atol=1e-6)
    assert again.index_size() == 8
    assert again.single_lookup(x[3], k=8).distances[0] == pytest.approx(0, abs=1e-5)


def test_config_builds_it_again(trained):
    model, x, _, _ = trained
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.embed(x), model.embed(x), atol=1e-6)


@pytest.mark.parametrize(
    ("trained", "value_range"),
    [*itertools.product(OF_IMAGES, [(0, 255), (0, 1)]), ("from_backbone", (-1, 1))],
    indirect=["trained"],
    ids=str,
)
def test_encoder_of_its_file__embeds_pixels_as_it_does__whatever_range_it_takes(trained, value_range, tmp_path):
    """The model of another range has the same weights, so the same picture has the same embedding."""
    model, x, _, _ = trained
    config = model.get_config()
    [preprocessing] = [layer for layer in config["layers"] if layer["class_name"] == "ImagePreprocessing"]
    preprocessing["config"]["value_range"] = list(value_range)
    ranged = type(model).from_config(config)
    ranged.set_weights(model.get_weights())
    ranged.save(tmp_path / "m.keras")
    encoder = open_model(tmp_path / "m.keras")
    assert encoder.kind == "image"
    np.testing.assert_allclose(encoder(x), model.embed(x), rtol=0, atol=1e-4)
