"""An image file → pixels `(height, width, channels)` of one size, whatever it holds."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.core.image_pixels import image_pixels

__all__ = ["ImageTooLargeError", "UnsupportedImageError", "read_image", "read_images"]

WEB_FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 20_000_000
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class UnsupportedImageError(ValueError):
    """No image, or one of a format that is not read here."""


class ImageTooLargeError(ValueError):
    """An image of more pixels than are decoded."""


def read_image(
    source: bytes | Path,
    shape: tuple[int, ...],
    *,
    formats: Sequence[str] | None = WEB_FORMATS,
    most_pixels: int = MOST_PIXELS,
) -> NDArray[np.uint8]:
    """Read one image and scale it.

    Its first frame is taken, with the pixels that `core.image_pixels` gives training too.

    Args:
        source: The file's content, or its path.
        shape: `(height, width, channels)` to return, with 1 (grey), 3 or 4 channels.
        formats: Pillow's names of what is read; None for all it knows.
        most_pixels: Refuse more before anything is decoded.

    Returns:
        `shape`, uint8, 0–255.

    Raises:
        UnsupportedImageError: no image, another format, or one that is cut or damaged.
        ImageTooLargeError: too many pixels.
        MissingExtraError: Pillow is not installed.
    """
    pillow = import_extra("PIL.Image", extra="data", purpose="reading images")
    name = source.name if isinstance(source, Path) else "the image"
    height, width, channels = shape
    try:
        with pillow.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats) as image:
            if image.width * image.height > most_pixels:
                raise ImageTooLargeError(
                    f"{name} has {image.width} × {image.height} pixels, and {most_pixels:,} are read.\n  Scale it."
                )
            return image_pixels(image, MODES[channels], (height, width))
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise ImageTooLargeError(
            f"{name} has more than the {most_pixels:,} pixels that are read.\n  Scale it down."
        ) from error
    except ImageTooLargeError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        reason = "its content is none" if isinstance(error, pillow.UnidentifiedImageError) else str(error)
        wanted = "a whole image" if formats is None else f"a whole image in {', '.join(formats)}"
        raise UnsupportedImageError(f"{name} must be {wanted}: {reason}.\n  Convert or repair it.") from error


def read_images(sources: Sequence[bytes | Path], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return images `(n, *shape)` of one size, of any format that Pillow knows.

    Raises:
        ValueError: one cannot be read; the message names it.
    """
    return np.stack([_named(source, shape) for source in sources])


def _named(source: bytes | Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        return read_image(source, shape, formats=None)
    except ValueError as error:
        name = source if isinstance(source, Path) else f"an image of {len(source)} bytes"
        raise ValueError(f"{name} is no readable image: {error}") from error
