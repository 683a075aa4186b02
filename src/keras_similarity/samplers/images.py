"""An image file → what a model trains on."""

import os

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice
from keras_similarity.core.extras import import_extra
from keras_similarity.core.image_pixels import image_pixels

__all__ = ["load_image"]

MODES = {"rgb": "RGB", "grayscale": "L", "rgba": "RGBA"}


def load_image(
    path: str | os.PathLike[str],
    target_size: tuple[int, int] | None = None,
    *,
    color_mode: str = "rgb",
    crop_to_aspect_ratio: bool = False,
) -> NDArray[np.uint8]:
    """Return the pixels of an image file, upright; transparent ones lie over white.

    Args:
        path: Any format that Pillow reads; of several frames, the first.
        target_size: (height, width) to resize to, bilinear and smoothed; None for the image's own.
        color_mode: "rgb", "grayscale" or "rgba".
        crop_to_aspect_ratio: Cut off what does not fit the shape of `target_size`, around the centre, where the image
            would else be stretched.

    Returns:
        Pixels `(height, width, channels)`, uint8 from 0 to 255, as Keras's ready-made models take them. TensorFlow
        Similarity's returned floats from 0 to 1: a model trained on those needs a `Rescaling(1 / 255)`.

    Raises:
        OSError: a file that is missing, empty, damaged or no image; its subclass `PIL.UnidentifiedImageError` too.
        ValueError: an unknown `color_mode`.
        MissingExtraError: Pillow is not installed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("L", (40, 20), 200).save(f"{folder}/grey.png")
        ...     pixels = load_image(f"{folder}/grey.png", target_size=(10, 20))
        >>> pixels.shape, np.unique(pixels).tolist()
        ((10, 20, 3), [200])
    """
    check_choice(color_mode, MODES, name="color_mode")
    image_module = import_extra("PIL.Image", extra="data", purpose="reading image files")
    with image_module.open(path) as image:
        return image_pixels(image, MODES[color_mode], target_size, crop_to_aspect_ratio=crop_to_aspect_ratio)
