"""A model as a layer that always runs as in inference."""

from typing import Any

import keras

__all__ = ["FrozenBackbone"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class FrozenBackbone(keras.layers.Layer):
    """Calls a model with `training=False`, whatever the model around it is doing: dropout and noise stay off.

    Within a functional model, `backbone(x, training=False)` does not last: a `training=True` of the outer model, such
    as that of `fit`, takes its place.

    Args:
        backbone: A built Keras model.
        **kwargs: `name`, `dtype` and `trainable`.

    Example:
        >>> noisy = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.9)])
        >>> keras.ops.convert_to_numpy(FrozenBackbone(noisy)(np.ones((1, 2)), training=True)).tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, backbone: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # A saved layer brings the model's own configuration.
        self.backbone = keras.saving.deserialize_keras_object(backbone) if isinstance(backbone, dict) else backbone
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return what the model returns."""
        return self.backbone(inputs, training=False)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the model's output shape."""
        return self.backbone.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "backbone": keras.saving.serialize_keras_object(self.backbone)}
