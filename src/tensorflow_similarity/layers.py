"""Layers under their upstream names; `MetricEmbedding` with upstream's arguments."""

from typing import Any

import keras

from keras_similarity import layers
from keras_similarity.layers import GeneralizedMeanPooling1D, GeneralizedMeanPooling2D

__all__ = ["GeneralizedMeanPooling1D", "GeneralizedMeanPooling2D", "MetricEmbedding"]


def MetricEmbedding(
    units: int,
    activation: Any = None,
    use_bias: bool = True,
    kernel_initializer: Any = "glorot_uniform",
    bias_initializer: Any = "zeros",
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    **own: Any,
) -> layers.MetricEmbedding:
    """Build `keras_similarity.layers.MetricEmbedding`, with the arguments of a dense layer."""
    own |= {"use_bias": use_bias, "kernel_initializer": kernel_initializer, "bias_initializer": bias_initializer}
    own |= {"kernel_regularizer": kernel_regularizer, "activity_regularizer": activity_regularizer}
    embedding = layers.MetricEmbedding(units, **own)
    return _completed(embedding, activation, bias_regularizer, kernel_constraint, bias_constraint)


def _completed(
    embedding: layers.MetricEmbedding, activation: Any, regularizer: Any, of_kernel: Any, of_bias: Any
) -> layers.MetricEmbedding:
    """Give the dense layer inside, which has no weights yet, what ours has no argument for."""
    dense = embedding.dense
    dense.activation, dense.bias_regularizer = keras.activations.get(activation), keras.regularizers.get(regularizer)
    dense.kernel_constraint, dense.bias_constraint = keras.constraints.get(of_kernel), keras.constraints.get(of_bias)
    return embedding
