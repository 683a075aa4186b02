"""Rows of length 1, as a layer."""

from typing import Any

import keras
from keras import ops

from keras_similarity.ops.pairwise import unit_rows

__all__ = ["L2Normalize"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class L2Normalize(keras.layers.Layer):
    """Divides the last axis by its Euclidean norm; a row of zeros stays zeros, with a finite gradient.

    The norm is taken in float32 and the output is float32, under any precision policy, as in `MetricEmbedding`.

    Example:
        >>> [round(float(value), 3) for value in L2Normalize()(np.array([[3.0, 4.0]]))[0]]
        [0.6, 0.8]
    """

    def __init__(self, **kwargs: Any) -> None:
        # Without autocast, which would first round a float32 input to half precision.
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        """Return float32 of the same shape."""
        return unit_rows(ops.cast(inputs, "float32"))
