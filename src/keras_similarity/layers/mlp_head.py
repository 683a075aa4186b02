"""What projection and prediction heads share: a small perceptron whose inner layers survive quantisation and saving."""

from typing import Any

import keras
from keras import ops

__all__ = ["MLPHead"]

Tensor = Any


class MLPHead(keras.layers.Layer):
    """Dense layers of the given widths, with an activation between them; float32 out, under any precision policy.

    Args:
        widths: Units of each dense layer, the last one's included.
        activation: Between the layers.
        batch_norm: Whether each hidden layer is normalised over the batch before its activation.
        output_batch_norm: Whether the output is, without a learned scale and shift.
        inner: The inner layers' own configurations, from a saved head.
        **kwargs: `name`, `dtype` and `trainable`, as for `keras.layers.Layer`.
    """

    def __init__(
        self,
        widths: list[int],
        *,
        activation: Any,
        batch_norm: bool,
        output_batch_norm: bool,
        inner: list[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        if inner:
            # A saved head brings them along: after quantisation their precision differs.
            self.inner = [keras.saving.deserialize_keras_object(config) for config in inner]
            return
        policy, self.inner = self.dtype_policy, []
        for position, units in enumerate(widths):
            is_last = position == len(widths) - 1
            normalized = output_batch_norm if is_last else batch_norm
            self.inner.append(keras.layers.Dense(units, use_bias=not normalized, dtype=policy))
            if normalized:
                self.inner.append(keras.layers.BatchNormalization(center=not is_last, scale=not is_last, dtype=policy))
            if not is_last:
                self.inner.append(keras.layers.Activation(self.activation, dtype=policy))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of the last axis's width."""
        for layer in self.inner:
            if not layer.built:
                layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Return rows of the last layer's width, float32."""
        outputs = inputs
        for layer in self.inner:
            outputs = layer(outputs, training=training)
        return ops.cast(outputs, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input, with the last layer's width."""
        for layer in self.inner:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {
            "activation": keras.activations.serialize(self.activation),
            "inner": [keras.saving.serialize_keras_object(layer) for layer in self.inner],
        }
        return {**super().get_config(), **own}
