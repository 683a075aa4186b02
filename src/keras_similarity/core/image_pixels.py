"""An opened image → upright pixels of one size and kind, whatever a camera, a scanner or a web site put into it.

Training, indexing and serving read images with this alone: a model must see such pixels later as it learned from.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra

__all__ = ["image_pixels"]

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")
BACKGROUND = (255, 255, 255, 255)  # what shows through transparent pixels
ORIENTATION = 0x0112  # of the camera, among an image's EXIF tags


def image_pixels(
    image: Any, mode: str, target_size: tuple[int, int] | None = None, *, crop_to_aspect_ratio: bool = False
) -> NDArray[np.uint8]:
    """Return the pixels of an image, upright.

    A JPEG is decoded at the smallest of its scales that is not below `target_size`, which is several times faster. The
    camera's orientation is applied. Transparent pixels are laid over white; 16-bit values are scaled to 8 bits, where
    Pillow alone would cut them off; CMYK, palettes and bitmaps are converted.

    Args:
        image: As Pillow opened it; of several frames, the one it stands at.
        mode: "RGB", "L" or "RGBA".
        target_size: (height, width) to resize to, bilinear and smoothed; None for the image's own.
        crop_to_aspect_ratio: Cut off what does not fit the shape of `target_size`, around the centre, where the image
            would else be stretched.

    Returns:
        Pixels `(height, width, channels)`, uint8 from 0 to 255.

    Raises:
        OSError, SyntaxError, ValueError: what Pillow raises for a damaged image; OSError for one of floats.
    """
    image_module = import_extra("PIL.Image", extra="data", purpose="reading images")
    operations = import_extra("PIL.ImageOps", extra="data", purpose="reading images")
    if target_size is not None and image.format == "JPEG":
        side = max(target_size)  # before rotation, either side may become the height
        image.draft("L" if mode == "L" and image.mode != "CMYK" else None, (side, side))
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = operations.exif_transpose(image)
    pixels = _converted(image, mode, image_module)
    if target_size is not None:
        height, width = target_size
        if pixels.size != (width, height):
            pixels = _resized(pixels, (width, height), crop_to_aspect_ratio, image_module)
    array = np.asarray(pixels)
    return array[:, :, None] if array.ndim == 2 else array


def _converted(image: Any, mode: str, image_module: Any) -> Any:
    if image.mode == mode and (mode == "RGBA" or not image.has_transparency_data):
        image.load()
        return image
    if image.mode in SIXTEEN_BITS:
        image = _eight_bits(image, image_module)
    elif image.mode == "F":
        raise OSError("an image of floats has no fixed range of brightness; save it with 8 or 16 bits")
    elif image.mode == "RGB" and max(image.info.get("transparency") or [0]) > 255:
        image = image.copy()  # Pillow compares 8 bits of the pixels with 16 of this colour
        image.info["transparency"] = tuple(value >> 8 for value in image.info["transparency"])
    if mode != "RGBA" and image.has_transparency_data:
        image = image.convert("RGBA")
        background = image_module.new("RGBA", image.size, BACKGROUND)
        background.alpha_composite(image)
        image = background
    return image.convert(mode)


def _eight_bits(image: Any, image_module: Any) -> Any:
    values = np.asarray(image).astype(np.int64)
    gray = np.clip(values >> 8, 0, 255).astype(np.uint8)
    if "transparency" not in image.info:
        return image_module.fromarray(gray)
    alpha = np.where(values == image.info["transparency"], 0, 255).astype(np.uint8)
    return image_module.merge("LA", [image_module.fromarray(band) for band in (gray, alpha)])


def _resized(image: Any, size: tuple[int, int], crop: bool, image_module: Any) -> Any:
    box = None
    if crop:
        scale = max(size[0] / image.width, size[1] / image.height)
        width, height = size[0] / scale, size[1] / scale
        left, top = (image.width - width) / 2, (image.height - height) / 2
        box = (left, top, left + width, top + height)
    return image.resize(size, image_module.Resampling.BILINEAR, box)
