"""Whether elements of a `tf.data.Dataset` are examples or batches, by the shapes of x and y."""

import importlib.util

import numpy as np
import pytest

from keras_similarity.samplers import TFDataSampler

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow"),
]
X = np.arange(64, dtype=np.float32).reshape(16, 4)
Y = np.arange(16) % 4
ONE_HOT = np.eye(4, dtype=np.int32)[Y]


def dataset(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y))


@pytest.mark.parametrize("length", [None, 4])
@pytest.mark.parametrize("x", [X, np.zeros((16, 5), np.float32), np.zeros((16, 4, 4), np.float32)])
def test_one_hot_labels__are_refused_single_or_in_batches(x, length):
    ds = dataset(x, ONE_HOT)
    with pytest.raises(ValueError, match=r"needs one label per example(.|\n)*argmax(.|\n)*`label_output`"):
        TFDataSampler(ds if length is None else ds.batch(length))


@pytest.mark.parametrize("remainder", [False, True])
@pytest.mark.parametrize("length", [None, 2, 4])
def test_labels_in_a_column__are_taken(length, remainder):
    ds = dataset(X, Y[:, None])
    x, y = TFDataSampler(ds if length is None else ds.batch(length, drop_remainder=remainder)).get_slice()
    assert np.array_equal(x, X)
    assert list(y) == Y.tolist()


@pytest.mark.parametrize("length", [1, 3, 4, 16])
def test_batches_of_fixed_length__are_batches(length):
    ds = dataset(X, Y).batch(length, drop_remainder=True)
    x, y = TFDataSampler(ds).get_slice()
    assert x.shape == (16 // length * length, 4)
    assert list(y) == Y[: len(x)].tolist()


def test_batches_of_scalars_of_fixed_length__cannot_be_told_from_features():
    ds = dataset(np.arange(16), Y)
    with pytest.raises(ValueError, match=r"`ds\.unbatch\(\)`"):
        TFDataSampler(ds.batch(4, drop_remainder=True))
    assert TFDataSampler(ds.batch(4)).num_examples == TFDataSampler(ds).num_examples == 16
