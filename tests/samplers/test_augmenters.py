"""What samplers do with an augmenter, and without one."""

import keras
import numpy as np
import pytest

from keras_similarity.augment import Augmenter, ColorJitter, HorizontalFlip, RandomResizedCrop
from keras_similarity.samplers import MultiShotMemorySampler, PairSampler, SingleShotMemorySampler, select_examples

X = np.arange(1, 49, dtype=np.float32).reshape(12, 4)
Y = np.arange(12) % 3


class Shift(keras.layers.Layer):
    """A layer whose `call` knows nothing of training."""

    def call(self, x):
        return x + 1


def batch(augmenter, x=X, **options):
    return MultiShotMemorySampler(x, Y, 3, 2, augmenter=augmenter, seed=0, **options)[0][0]


@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.GaussianNoise(1.0),
        lambda: keras.layers.Dropout(0.5),
        lambda: keras.Sequential([keras.layers.GaussianNoise(1.0)]),
    ],
)
def test_layers_that_rest_outside_training__augment(layer):
    assert not np.allclose(batch(layer()), batch(None))


def test_layer_without_an_argument_training__is_called_without():
    np.testing.assert_allclose(batch(Shift()), batch(None) + 1)


def test_function_with_an_argument_training__is_left_alone():
    assert np.array_equal(batch(lambda x, training=False: x + 1 if training else x), batch(None))


@pytest.mark.parametrize("chained", [False, True])
def test_own_layers__augment(chained):
    images = np.random.default_rng(0).uniform(0, 255, (12, 6, 6, 3)).astype(np.float32)
    layer = ColorJitter(probability=1.0, seed=0)
    layer = keras.Sequential([layer, HorizontalFlip(seed=0)]) if chained else layer
    found = batch(layer, images)
    assert isinstance(found, np.ndarray)
    assert not np.allclose(found, batch(None, images))


def test_warmup__of_a_layer__gives_the_views_and_sizes_of_training():
    images = np.random.default_rng(0).uniform(0, 255, (12, 8, 8, 3)).astype(np.float32)
    views = Augmenter([[RandomResizedCrop((6, 6))], [ColorJitter(probability=1.0)]], seed=0)
    first, second = batch(views, images, warmup=1)
    assert (first.shape, second.shape) == ((6, 6, 6, 3), (6, 8, 8, 3))
    np.testing.assert_allclose(second, batch(None, images), rtol=1e-5)
    np.testing.assert_allclose(batch(keras.layers.GaussianNoise(1.0), warmup=1), batch(None))


@pytest.mark.parametrize("make", [lambda **o: batch(None, **o), lambda **o: PairSampler(X, X + 50, 4, **o)])
def test_several_augmentations_without_an_augmenter__are_an_error(make):
    with pytest.raises(ValueError, match="`num_augmentations_per_example` above 1 needs an augmenter: got 3"):
        make(num_augmentations_per_example=3)
    make(num_augmentations_per_example=1)


def test_single_shot_without_an_augmenter__is_an_error():
    with pytest.raises(ValueError, match="needs an augmenter: got 2"):
        SingleShotMemorySampler(X, None, 4)


def test_bad_number_of_examples__is_named_as_the_caller_wrote_it():
    with pytest.raises(ValueError, match="`num_examples_per_class` must be"):
        select_examples(X, Y, num_examples_per_class=0)
    with pytest.raises(ValueError, match="`total_examples_per_class` must be"):
        MultiShotMemorySampler(X, Y, total_examples_per_class=0)
