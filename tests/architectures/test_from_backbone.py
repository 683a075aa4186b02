"""Any Keras model as a similarity model: what trains, what stays still, what images become."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_similarity import SimilarityModel
from keras_similarity.architectures import ImagePreprocessing, from_backbone
from keras_similarity.layers import ArcFace
from keras_similarity.losses import TripletLoss
from keras_similarity.samplers import MultiShotMemorySampler

LABELS = np.arange(16) % 4


def small(*, dropout=0.5, name="small"):
    """Two convolutions with what behaves otherwise in training: batch normalisation and dropout."""
    inputs = keras.Input((8, 8, 3))
    hidden = layers.Conv2D(8, 3, name="first")(inputs)
    hidden = layers.BatchNormalization(name="first_norm")(hidden)
    hidden = layers.Dropout(dropout)(layers.ReLU()(hidden))
    hidden = layers.Conv2D(8, 3, activation="relu", name="second")(hidden)
    return keras.Model(inputs, layers.BatchNormalization(name="second_norm")(hidden), name=name)


def sequence():
    inputs = keras.Input((8, 3))
    return keras.Model(inputs, layers.Conv1D(5, 3, activation="tanh")(inputs))


def rows():
    inputs = keras.Input((8,))
    return keras.Model(inputs, layers.Dense(5)(inputs))


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (16, 8, 8, 3)).astype(np.uint8)


def fit(model, x, **options):
    model.compile(keras.optimizers.SGD(0.1), loss=TripletLoss())
    return model.fit(MultiShotMemorySampler(x, LABELS, 4, 4, seed=0), verbose=0, **options)


def moved(model, x):
    """Names of the weights of the backbone that a step of training changes."""
    backbone = getattr(model.layers[-3], "backbone", model.layers[-3])
    before = {weight.path: weight.numpy() for weight in backbone.weights}
    fit(model, x)
    changed = {path.split("/")[-2] for path, value in before.items() if (value != weight_of(backbone, path)).any()}
    statistics = {path for path in before if "moving" in path and (before[path] != weight_of(backbone, path)).any()}
    return changed, {path.split("/")[-2] for path in statistics}


def weight_of(model, path):
    return next(weight.numpy() for weight in model.weights if weight.path == path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "expected", "statistics"),
    [
        ({"trainable": "full"}, {"first", "first_norm", "second", "second_norm"}, {"first_norm", "second_norm"}),
        ({"trainable": "partial", "partial": 0.5}, {"second", "second_norm"}, {"second_norm"}),
        ({"trainable": "partial", "partial": "^second$"}, {"second"}, set()),
        ({"trainable": "frozen"}, set(), set()),
        ({"trainable": "full", "freeze_batch_norm": True}, {"first", "second"}, set()),
    ],
    ids=["full", "a share", "a pattern", "frozen", "full but batch norm"],
)
def test_only_what_should_train_moves__batch_norms_averages_too(options, expected, statistics, images):
    keras.utils.set_random_seed(0)
    model = from_backbone(small(dropout=0.0), 4, preprocessing="tf", **options)
    assert moved(model, images) == (expected, statistics)


@pytest.mark.slow
def test_frozen__dropout_and_the_pooling_s_power_stay_still_too(images, tmp_path):
    model = from_backbone(small(), 4, preprocessing="tf", trainable="frozen")
    assert [weight.path.split("/")[-1] for weight in model.trainable_weights] == ["kernel", "bias"]
    training, inference = (keras.ops.convert_to_numpy(model(images, training=choice)) for choice in (True, False))
    assert np.array_equal(training, inference)
    model.save(tmp_path / "frozen.keras")
    again = keras.saving.load_model(tmp_path / "frozen.keras")
    assert np.array_equal(keras.ops.convert_to_numpy(again(images, training=True)), inference)
    assert len(from_backbone(small(), 4, trainable="full").get_layer("pooling").trainable_weights) == 1


@pytest.mark.slow
def test_head_comes_after_the_embedding_and_trains(images):
    head = ArcFace(4)
    model = from_backbone(small(), 5, preprocessing="unit", head=head)
    model.compile("adam", loss=head.loss())
    assert model.embedding_size == 5
    assert np.isfinite(model.fit(images, LABELS, verbose=0).history["loss"]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "shape"), [(small, (2, 8, 8, 3)), (sequence, (2, 8, 3)), (rows, (2, 8))], ids=["map", "steps", "row"]
)
@pytest.mark.parametrize("pooling", ["gem", "avg", "max", None])
def test_every_pooling_of_every_kind_of_backbone(backbone, shape, pooling, rng):
    model = from_backbone(backbone(), 4, pooling=pooling)
    assert type(model) is SimilarityModel
    embeddings = keras.ops.convert_to_numpy(model(rng.normal(size=shape).astype("float32")))
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx([1, 1], rel=1e-5)


def test_without_an_embedding_layer__the_pooled_features_are_the_embedding(rng):
    backbone = sequence()
    model = from_backbone(backbone, None, pooling="max", normalize=False)
    x = rng.normal(size=(2, 8, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(backbone(x)).max(axis=1)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected, rtol=1e-6)
    unit = keras.ops.convert_to_numpy(from_backbone(backbone, None, pooling="max")(x))
    np.testing.assert_allclose(unit, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5)


# Each pixel alone, from the definitions: what keras.applications subtracts and divides by.
PIXEL = np.array([10.0, 128.0, 250.0])
EXPECTED = {
    "none": PIXEL,
    "pixels": PIXEL,
    "unit": PIXEL / 255,
    "tf": PIXEL / 127.5 - 1,
    "torch": (PIXEL / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    "caffe": PIXEL[::-1] - [103.939, 116.779, 123.68],
}


@pytest.mark.parametrize("mode", EXPECTED)
def test_preprocessing_is_what_the_networks_were_trained_on(mode):
    pixel = PIXEL.reshape(1, 1, 1, 3)
    result = keras.ops.convert_to_numpy(ImagePreprocessing(mode)(pixel.astype(np.uint8)))
    np.testing.assert_allclose(result.ravel(), EXPECTED[mode], rtol=1e-5, atol=1e-5)
    if mode != "none":
        scaled = ImagePreprocessing(mode, value_range=(0, 1))(pixel / 255)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(scaled), result, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", ["tf", "torch", "caffe"])
def test_preprocessing_agrees_with_keras_applications(mode, images):
    theirs = keras.applications.imagenet_utils.preprocess_input(images.astype("float32"), mode=mode)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ImagePreprocessing(mode)(images)), theirs, rtol=1e-5, atol=1e-5
    )


def test_preprocessing_in_half_precision__is_computed_in_float32():
    layer = ImagePreprocessing("tf", dtype="mixed_float16")
    pixels = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1)
    result = layer(pixels)
    assert keras.backend.standardize_dtype(result.dtype) == "float16"
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(result), (pixels / 127.5 - 1).astype(np.float16))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("resnet50", "caffe"),
        ("resnet50v2", "tf"),
        ("mobilenetv2_0.35_32", "tf"),
        ("MobilenetV3small", "pixels"),
        ("densenet121", "torch"),
        ("efficientnetb0", "pixels"),
        ("my_network", None),
    ],
)
def test_auto_preprocessing_goes_by_the_name(name, mode):
    model = from_backbone(small(name=name), 4)
    modes = [layer.mode for layer in model.layers if isinstance(layer, ImagePreprocessing)]
    assert modes == ([] if mode is None else [mode])


@pytest.mark.slow
def test_a_loaded_keras_file_is_a_backbone(images, tmp_path):
    backbone = small()
    backbone.save(tmp_path / "backbone.keras")
    model = from_backbone(
        keras.saving.load_model(tmp_path / "backbone.keras"), 4, preprocessing="tf", trainable="partial"
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is SimilarityModel
    assert np.array_equal(again.embed(images), model.embed(images))
    assert [w.shape for w in again.trainable_weights] == [w.shape for w in model.trainable_weights]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "mean"}, r"`pooling` must be one of 'avg', 'gem', 'max': got 'mean'"),
        ({"trainable": "all"}, r"`trainable` must be one of 'frozen', 'full', 'partial': got 'all'"),
        ({"trainable": "partial", "partial": 0}, "`partial` must be above 0 and at most 1: got 0"),
        ({"trainable": "partial", "partial": "conv5"}, "'conv5' matches none of 4, which end in"),
        ({"trainable": "partial", "partial": "("}, r"regular expression: '\(' is none"),
        ({"preprocessing": "imagenet"}, "`preprocessing` must be one of 'auto'"),
        ({"preprocessing": "tf", "value_range": (1, 0)}, r"`value_range\[1\]` must be above 1: got 0"),
        ({"preprocessing": "tf", "value_range": 255}, r"`value_range\[0\]`"),
        ({"embedding_size": 0}, "`embedding_size` must be a whole number of at least 1: got 0"),
    ],
)
def test_an_argument_out_of_its_choices__is_named(options, message):
    with pytest.raises(ValueError, match=message):
        from_backbone(small(), **options)


def test_what_is_no_backbone__is_told_the_way_out():
    left, right = keras.Input((2,)), keras.Input((2,))
    with pytest.raises(ValueError, match="one input and one output: it has 2 and 1"):
        from_backbone(keras.Model([left, right], layers.Add()([left, right])))
    with pytest.raises(ValueError, match="functional or a built sequential model"):
        from_backbone(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(TypeError, match="must be a Keras model: got function"):
        from_backbone(lambda x: x)
    anything = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="pooling=None flattens"):
        from_backbone(keras.Model(anything, layers.Conv2D(2, 3)(anything)), pooling=None)
    grey = keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match="'caffe' needs images of 3 channels: got 1"):
        from_backbone(keras.Model(grey, layers.Conv2D(2, 3)(grey)), preprocessing="caffe")


def test_model_that_preprocesses__is_not_preprocessed_again():
    inputs = keras.Input((8, 8, 3))
    hidden = layers.Conv2D(4, 3)(ImagePreprocessing("caffe")(inputs))
    own = keras.Model(inputs, hidden, name="resnet50sim")
    wrapped = keras.Model(inputs, layers.ReLU()(own(inputs)), name="resnet50_wrapped")
    for backbone in (own, wrapped):
        assert not any(isinstance(layer, ImagePreprocessing) for layer in from_backbone(backbone, 4).layers)
    plain = keras.Model(inputs, layers.Conv2D(4, 3)(inputs), name="resnet50")
    assert any(isinstance(layer, ImagePreprocessing) for layer in from_backbone(plain, 4).layers)
