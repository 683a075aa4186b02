"""An image file → pixels `(height, width, channels)` of one size, whatever it holds."""

import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.core.image_pixels import image_pixels
from keras_similarity.embed.encoder import Encoder
from keras_similarity.errors import ImageTooLargeError, UnsupportedImageError

__all__ = ["ImageTooLargeError", "UnsupportedImageError", "check_takes_images", "read_image", "read_images"]

WEB_FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 20_000_000  # of an image that somebody sent
# What the endings in `core.image_folder` stand for; others of Pillow's run programs on what they read (EPS).
PHOTO_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
PHOTO_PIXELS = 200_000_000  # of one's own: the largest cameras' and telephones'
PILLOWS_LIMIT = threading.Lock()  # which is a variable of its module
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


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
        FileNotFoundError: nothing is at the path.
        UnsupportedImageError: no image, another format, or one that is cut or damaged.
        ImageTooLargeError: too many pixels.
        MissingExtraError: Pillow is not installed.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (40, 20), "red").save(file, "PNG")
        >>> pixels = read_image(file.getvalue(), (2, 2, 3))
        >>> pixels.shape, pixels[0, 0].tolist()
        ((2, 2, 3), [255, 0, 0])
    """
    pillow = import_extra("PIL.Image", extra="data", purpose="reading images")
    name = source.name if isinstance(source, Path) else "the image"
    height, width, channels = shape
    try:
        with _opened(pillow, source, formats, most_pixels) as image:
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
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no image is at {source}.\n  Check the path.") from error
    except IsADirectoryError as error:
        raise IsADirectoryError(f"{source} is a folder, and no image.\n  Name a file in it.") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        reason = "its content is none" if isinstance(error, pillow.UnidentifiedImageError) else str(error)
        wanted = "a whole image" if formats is None else f"a whole image in {', '.join(formats)}"
        raise UnsupportedImageError(f"{name} must be {wanted}: {reason}.\n  Convert or repair it.") from error


def read_images(
    sources: Sequence[bytes | Path], shape: tuple[int, ...], *, most_pixels: int = PHOTO_PIXELS
) -> NDArray[np.uint8]:
    """Return one's own images `(n, *shape)` of one size, of the formats that photos and scans have.

    Args:
        sources: Contents or paths of files.
        shape: Of each; see `read_image`.
        most_pixels: Refuse an image of more before it is decoded.

    Raises:
        FileNotFoundError, UnsupportedImageError, ImageTooLargeError: one cannot be read; the message names it.
    """
    return np.stack([_named(source, shape, most_pixels) for source in sources])


def check_takes_images(encoder: Encoder, folder: Path) -> None:
    """Raise a ValueError for a folder of images and an encoder of something else."""
    if encoder.kind != "image":
        raise ValueError(
            f"{folder} is a folder of images: the encoder {encoder.name!r} takes {encoder.kind}s of shape "
            f"{encoder.shape}.\n  Pass an encoder of images (height, width, channels), with 1, 3 or 4 channels."
        )


def _named(source: bytes | Path, shape: tuple[int, ...], most_pixels: int) -> NDArray[np.uint8]:
    try:
        return read_image(source, shape, formats=PHOTO_FORMATS, most_pixels=most_pixels)
    except ImageTooLargeError as error:
        raise ImageTooLargeError(
            f"{_name(source)}: {error} Or raise the limit: `image_pixels=`, in a shell --image-pixels."
        ) from error
    except UnsupportedImageError as error:
        raise UnsupportedImageError(f"{_name(source)} is no readable image: {error}") from error


def _name(source: bytes | Path) -> str:
    return str(source) if isinstance(source, Path) else f"an image of {len(source)} bytes"


def _opened(pillow: Any, source: bytes | Path, formats: Sequence[str] | None, most_pixels: int) -> Any:
    """Open an image, with our limit where Pillow's own is lower."""
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    if most_pixels <= (pillow.MAX_IMAGE_PIXELS or most_pixels):
        return pillow.open(file, formats=formats)
    with PILLOWS_LIMIT:
        own, pillow.MAX_IMAGE_PIXELS = pillow.MAX_IMAGE_PIXELS, most_pixels
        try:
            return pillow.open(file, formats=formats)
        finally:
            pillow.MAX_IMAGE_PIXELS = own
