"""Pixels as users have them → numbers as a backbone was trained on them, as a layer inside the model."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_similarity.core.checks import check_choice
from keras_similarity.core.value_range import check_value_range

__all__ = ["ImagePreprocessing", "preprocessing_of"]

Tensor = Any
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet's, of red, green and blue
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green and red
# A mode -> what is subtracted from pixels of 0–255, and what they are then divided by.
MODES: dict[str, tuple[Any, Any]] = {
    "pixels": (0.0, 1.0),
    "unit": (0.0, 255.0),
    "tf": (127.5, 127.5),
    "torch": (MEAN, DEVIATION),
    "caffe": (CAFFE_MEAN, 1.0),
}
# How the names of keras.applications' models begin, the longer ones first, and what they were trained on.
TRAINED_ON = (
    ("resnet50v2", "tf"),
    ("resnet101v2", "tf"),
    ("resnet152v2", "tf"),
    ("resnet50", "caffe"),
    ("resnet101", "caffe"),
    ("resnet152", "caffe"),
    ("vgg", "caffe"),
    ("densenet", "torch"),
    ("mobilenetv3", "pixels"),
    ("mobilenet", "tf"),
    ("inception", "tf"),
    ("xception", "tf"),
    ("nasnet", "tf"),
    ("efficientnet", "pixels"),
    ("convnext", "pixels"),
)


def preprocessing_of(backbone: keras.Model) -> str:
    """Return the mode that a model of keras.applications was trained with, by its name; "none" for any other.

    A model that already holds an `ImagePreprocessing`, as `ResNet50Sim` does, has "none" whatever its name.
    """
    if _preprocesses(backbone):
        return "none"
    name = backbone.name.lower()
    return next((mode for start, mode in TRAINED_ON if name.startswith(start)), "none")


def _preprocesses(model: Any) -> bool:
    parts = getattr(model, "layers", ())
    return isinstance(model, ImagePreprocessing) or any(_preprocesses(part) for part in parts)


@keras.saving.register_keras_serializable(package="keras_similarity")
class ImagePreprocessing(keras.layers.Layer):
    """Scales images to what a backbone was trained on; integers and floats of the same value give the same.

    Args:
        mode: "pixels" for 0–255, "unit" for 0–1, "tf" for −1–1, "torch" for ImageNet's mean and deviation per channel,
            "caffe" for blue, green, red less their means, "none" for the values as they come.
        value_range: The least and the greatest value a pixel can have in the images that come in.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: an unknown mode, a range that is no range; "torch" and "caffe" on images of other than 3 channels.

    Input shape `(b, h, w, c)`, or `(b, c, h, w)` where Keras is so configured; the output has the same. Computed in
    float32 under any precision policy.

    Example:
        >>> layer = ImagePreprocessing("tf")
        >>> keras.ops.convert_to_numpy(layer(np.array([[[[0, 255]]]], np.uint8))).tolist()
        [[[[-1.0, 1.0]]]]
    """

    def __init__(self, mode: str = "tf", *, value_range: tuple[float, float] = (0, 255), **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        check_choice(mode, ["none", *MODES], name="preprocessing")
        self.mode = mode
        self.value_range = check_value_range(value_range)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check that there are channels to speak of."""
        channels = input_shape[self._channel_axis()]
        if self.mode in ("torch", "caffe") and channels != 3:
            raise ValueError(
                f"preprocessing {self.mode!r} needs images of 3 channels: got {channels}, in shape {input_shape}.\n"
                "  Repeat a grey channel three times, or choose preprocessing='tf'."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Return images of the same shape, float."""
        images = ops.cast(inputs, "float32")
        if self.mode != "none":
            low, high = self.value_range
            images = (images - low) * (255.0 / (high - low))
            axis = self._channel_axis()
            if self.mode == "caffe":
                images = ops.flip(images, axis=axis)
            subtracted, divisor = (self._along_channels(number, axis) for number in MODES[self.mode])
            images = (images - subtracted) / divisor
        return ops.cast(images, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape that came in."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "mode": self.mode, "value_range": list(self.value_range)}

    def _channel_axis(self) -> int:
        return -1 if keras.config.image_data_format() == "channels_last" else 1

    def _along_channels(self, number: Any, axis: int) -> Tensor:
        values = np.asarray(number, np.float32)
        return ops.convert_to_tensor(values.reshape(-1, 1, 1) if values.ndim and axis == 1 else values)
