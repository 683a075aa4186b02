"""ResNet18Sim, ResNet50Sim and EfficientNetSim: structure, weights from a path, and what is not there."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_similarity import SimilarityModel
from keras_similarity.architectures import EfficientNetSim, FrozenBackbone, ImagePreprocessing, ResNet18Sim, ResNet50Sim

pytestmark = pytest.mark.slow  # models that JAX compiles for seconds

SHAPE = (32, 32, 3)


def backbone_of(model):
    return next(
        getattr(layer, "backbone", layer) for layer in model.layers if isinstance(layer, keras.Model | FrozenBackbone)
    )


def training_names(model):
    return {weight.path.split("/")[-2] for weight in model.trainable_weights}


@pytest.mark.slow
def test_resnet18_is_the_paper_s_network_on_small_images():
    model = ResNet18Sim(SHAPE)
    assert model.name == "resnet18sim"
    convolutions = [layer for layer in backbone_of(model).layers if isinstance(layer, keras.layers.Conv2D)]
    assert len([layer for layer in convolutions if layer.kernel_size == (3, 3)]) == 17  # and the embedding: 18
    assert [layer.filters for layer in convolutions if layer.kernel_size == (1, 1)] == [128, 256, 512]
    assert tuple(backbone_of(model).output.shape) == (None, 4, 4, 512)
    assert backbone_of(model).count_params() == pytest.approx(11.18e6, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("trainable", "expected"), [("frozen", {"embedding"}), ("partial", None), ("full", None)])
def test_resnet50__what_trains(trainable, expected):
    model = ResNet50Sim(SHAPE, 16, weights=None, trainable=trainable)
    names = {name for name in training_names(model) if name not in ("dense", "embedding", "pooling")}
    if trainable == "partial":
        assert names
        assert all(name.startswith("conv5") for name in names)
        assert {"conv5_block1_1_conv", "conv5_block3_3_bn"} <= names
    else:
        assert ("conv1_conv" in names) == (trainable == "full")
    assert [layer.mode for layer in model.layers if isinstance(layer, ImagePreprocessing)] == ["caffe"]
    assert model.embedding_size == 16


@pytest.mark.slow
def test_efficientnet__partial_trains_the_last_blocks_and_the_pixels_go_in_as_they_are():
    model = EfficientNetSim(SHAPE, 16, "B0", None, "partial")
    names = {name for name in training_names(model) if name not in ("dense", "embedding", "pooling")}
    assert {name[:6] for name in names} == {"block5", "block6", "block7", "top_co", "top_bn"}
    assert [layer.mode for layer in model.layers if isinstance(layer, ImagePreprocessing)] == ["pixels"]


@pytest.mark.slow
def test_weights_from_a_path__are_loaded_and_keep_batch_norm_still(tmp_path):
    keras.utils.set_random_seed(1)
    source = keras.applications.ResNet50(include_top=False, weights=None, input_shape=SHAPE)
    source.save_weights(tmp_path / "mine.weights.h5")
    model = ResNet50Sim(SHAPE, 8, weights=tmp_path / "mine.weights.h5", trainable="full")
    for mine, theirs in zip(backbone_of(model).get_weights(), source.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    assert "conv1_conv" in training_names(model)
    assert not [name for name in training_names(model) if name.endswith("_bn")]


@pytest.mark.slow
def test_include_top_false__has_no_embedding_layer():
    model = ResNet18Sim((16, 16, 3), include_top=False, l2_norm=False, filters=8)
    assert type(model) is SimilarityModel
    assert model.embedding_size == 64
    assert [type(layer).__name__ for layer in model.layers][-1] == "GeneralizedMeanPooling2D"


def test_bad_arguments__are_named(tmp_path):
    with pytest.raises(ValueError, match=r"`variant` must be one of 'B0', .*: got 'B8'"):
        EfficientNetSim(SHAPE, variant="B8", weights=None)
    with pytest.raises(FileNotFoundError, match=r"no weights at .*absent\.h5"):
        ResNet50Sim(SHAPE, weights=tmp_path / "absent.h5")
    with pytest.raises(ValueError, match="`embedding_size` must be a whole number of at least 1: got None"):
        ResNet18Sim((16, 16, 3), None, filters=8)


@pytest.mark.slow
def test_imagenet_weights_without_a_network__say_what_to_do(tmp_path):
    code = (
        "from keras_similarity.architectures import ResNet50Sim\n"
        "from keras_similarity.errors import DataUnavailableError\n"
        "try:\n    ResNet50Sim((32, 32, 3))\n"
        "except DataUnavailableError as error:\n    print(str(error).splitlines()[-1])"
    )
    nowhere = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "http_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | nowhere | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": keras.backend.backend()},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "  Pass weights=PATH to a file of them, or weights=None for random ones."
