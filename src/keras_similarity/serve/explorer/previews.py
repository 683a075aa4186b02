"""What is kept beside an item, as something small to look at; nothing that it names is opened."""

import io
from typing import Any

import numpy as np

from keras_similarity.core.extras import import_extra
from keras_similarity.core.image_pixels import image_pixels
from keras_similarity.core.pictures import as_pixels, png

__all__ = ["preview"]

SIDE = 192  # pixels of a preview's longer side
MOST_CHARACTERS = 300
FORMATS = ("JPEG", "PNG", "WEBP")
PNG, TEXT = "image/png", "text/plain"


def preview(data: Any, *, most_bytes: int, most_pixels: int) -> tuple[str, bytes] | None:
    """Return media type and content, or None where there is nothing to show.

    Args:
        data: An array of an image, the bytes of a JPEG, PNG or WebP file, or a text. A path is nothing: what it names
            is not opened.
        most_bytes, most_pixels: Of an image; a larger one is not decoded.
    """
    if isinstance(data, np.ndarray) and data.ndim in (2, 3) and data.size <= 4 * most_pixels:
        pixels = as_pixels(data)
        return None if pixels is None else (PNG, png(pixels))
    if isinstance(data, bytes) and len(data) <= most_bytes:
        content = _thumbnail(data, most_pixels)
        return None if content is None else (PNG, content)
    if isinstance(data, str):
        return TEXT, data[:MOST_CHARACTERS].encode("utf-8", "replace")
    return None


def _thumbnail(content: bytes, most_pixels: int) -> bytes | None:
    """Return an image file's picture, small and encoded anew; None for what is no whole image."""
    pillow = import_extra("PIL.Image", extra="serve", purpose="previews of images")
    try:
        with pillow.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > most_pixels:
                return None
            small = pillow.fromarray(image_pixels(image, "RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        return None
    small.thumbnail((SIDE, SIDE))
    return png(np.asarray(small))
