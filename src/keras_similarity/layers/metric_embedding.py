"""The last layer of most similarity models: a projection onto the unit sphere."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_whole
from keras_similarity.ops.pairwise import unit_rows

__all__ = ["MetricEmbedding"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class MetricEmbedding(keras.layers.Layer):
    """Projects features to `units` numbers and, unless told otherwise, to length 1.

    The norm is taken in float32, and the output is float32, under any precision policy: rows of half precision
    are too coarse to tell near neighbours apart. Features of more than two axes are projected along the last.

    Args:
        units: Width d of the embedding, ≥ 1.
        normalize: Whether rows have length 1; a row of zeros stays zeros.
        use_bias, kernel_initializer, bias_initializer, kernel_regularizer: As in `keras.layers.Dense`.

    Raises:
        ValueError: `units` is not a whole number of at least 1.

    Input shape `(b, …, features)`, output shape `(b, …, units)`. Cost: one matrix product.

    Example:
        >>> layer = MetricEmbedding(4)
        >>> tuple(layer(np.ones((2, 8), "float32")).shape)
        (2, 4)
    """

    def __init__(
        self,
        units: int,
        normalize: bool = True,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        dense: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = check_whole(units, name="units", minimum=1)
        self.normalize = normalize
        # A saved layer brings the inner layer's own configuration: after quantisation its precision differs.
        self.dense = (
            keras.saving.deserialize_keras_object(dense)
            if dense
            else keras.layers.Dense(
                units,
                use_bias=use_bias,
                kernel_initializer=kernel_initializer,
                bias_initializer=bias_initializer,
                kernel_regularizer=kernel_regularizer,
                dtype=self.dtype_policy,
                name="dense",
            )
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for features of the last axis's width."""
        if not self.dense.built:
            self.dense.build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Return embeddings `(b, …, units)`, float32."""
        embeddings = ops.cast(self.dense(inputs), "float32")
        return unit_rows(embeddings) if self.normalize else embeddings

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {"units": self.units, "normalize": self.normalize}
        return {**super().get_config(), **own, "dense": keras.saving.serialize_keras_object(self.dense)}
