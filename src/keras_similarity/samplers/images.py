"""An image file → pixels of one size and kind, whatever a camera, a scanner or a web site put into it."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice
from keras_similarity.core.extras import import_extra

__all__ = ["load_image"]

MODES = {"rgb": "RGB", "grayscale": "L", "rgba": "RGBA"}
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")
BACKGROUND = (255, 255, 255, 255)  # what shows through transparent pixels


def load_image(
    path: str | os.PathLike[str],
    target_size: tuple[int, int] | None = None,
    *,
    color_mode: str = "rgb",
    crop_to_aspect_ratio: bool = False,
) -> NDArray[np.uint8]:
    """Return the pixels of an image file, upright.

    A JPEG is decoded at the smallest of its scales that is not below `target_size`, which is several times faster. The
    camera's orientation is applied. Transparent pixels are laid over white; 16-bit values are scaled to 8 bits, where
    Pillow alone would cut them off; CMYK, palettes and bitmaps are converted.

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
    """
    check_choice(color_mode, MODES, name="color_mode")
    mode = MODES[color_mode]
    image_module = import_extra("PIL.Image", extra="data", purpose="reading image files")
    operations = import_extra("PIL.ImageOps", extra="data", purpose="reading image files")
    with image_module.open(path) as image:
        if target_size is not None and image.format == "JPEG":
            side = max(target_size)  # before rotation, either side may become the height
            image.draft("L" if mode == "L" and image.mode != "CMYK" else None, (side, side))
        if image.getexif().get(0x0112, 1) != 1:
            image = operations.exif_transpose(image)
        pixels = _converted(image, mode, image_module)
    if target_size is not None:
        height, width = target_size
        if pixels.size != (width, height):
            pixels = _resized(pixels, (width, height), crop_to_aspect_ratio, image_module)
    array = np.asarray(pixels)
    return array[:, :, None] if array.ndim == 2 else array


def _converted(image: Any, mode: str, image_module: Any) -> Any:
    if image.mode == mode:
        image.load()
        return image
    if image.mode in SIXTEEN_BITS:
        values = np.asarray(image).astype(np.int64)
        image = image_module.fromarray(np.clip(values >> 8, 0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise OSError("an image of floats has no fixed range of brightness; save it with 8 or 16 bits")
    if mode != "RGBA" and image.has_transparency_data:
        image = image.convert("RGBA")
        background = image_module.new("RGBA", image.size, BACKGROUND)
        background.alpha_composite(image)
        image = background
    return image.convert(mode)


def _resized(image: Any, size: tuple[int, int], crop: bool, image_module: Any) -> Any:
    box = None
    if crop:
        scale = max(size[0] / image.width, size[1] / image.height)
        width, height = size[0] / scale, size[1] / scale
        left, top = (image.width - width) / 2, (image.height - height) / 2
        box = (left, top, left + width, top + height)
    return image.resize(size, image_module.Resampling.BILINEAR, box)
