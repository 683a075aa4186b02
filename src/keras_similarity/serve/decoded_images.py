"""The images of one request → pixels: base64, bytes and pixels within the limits, or why they cannot be had."""

import base64
import binascii
import io
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.embed import ImageTooLargeError, UnsupportedImageError, read_image
from keras_similarity.embed.images import WEB_FORMATS
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.problems import Problem

__all__ = ["SMALL_PIXELS", "ManyPixelsError", "decode_images", "decode_small_images"]

SMALL_PIXELS = 1_000_000  # of the images of one request, which take milliseconds to decode


class ManyPixelsError(Exception):
    """A file of few bytes that holds many pixels."""


def decode_images(encoded: Sequence[str], shape: tuple[int, ...], limits: Limits, end: float) -> NDArray[np.uint8]:
    """Decode the images of a request.

    Args:
        encoded: Files in base64.
        shape: `(height, width, channels)` of each that is returned.
        limits: The server's.
        end: The `time.monotonic()` from which on no further image is begun, because nobody waits any more.

    Returns:
        `(n, *shape)`.

    Raises:
        Problem: 400 for no base64, 413 for too large, 415 for what is no whole image of a known kind, 504 at the end.
    """
    left = limits.request_pixels

    def read(content: bytes) -> NDArray[np.uint8]:
        nonlocal left
        count = _pixel_count(content)
        if count <= limits.image_pixels:  # else it is refused for itself
            left -= count
        if left < 0:
            what = f"the images of a request may have {limits.request_pixels:,} pixels (--request-pixels)"
            raise Problem(413, f"{what}: these have more.\n  Scale them down, or send several requests.")
        if time.monotonic() > end:
            raise Problem(504, "the images took too long to decode (--deadline).\n  Send fewer at a time.")
        try:
            return read_image(content, shape, most_pixels=limits.image_pixels)
        except ImageTooLargeError as error:
            raise Problem(413, f"{error} The limit is --image-pixels.") from error

    return _decoded(encoded, shape, limits, read)


def decode_small_images(encoded: Sequence[str], shape: tuple[int, ...], limits: Limits) -> NDArray[np.uint8]:
    """Decode images that have few pixels together; see `decode_images`.

    Raises:
        ManyPixelsError: they have more than `SMALL_PIXELS`, or perhaps so.
    """
    most = min(limits.image_pixels, SMALL_PIXELS // max(1, len(encoded)))

    def read(content: bytes) -> NDArray[np.uint8]:
        try:
            return read_image(content, shape, most_pixels=most)
        except ImageTooLargeError as error:
            raise ManyPixelsError from error

    return _decoded(encoded, shape, limits, read)


def _decoded(
    encoded: Sequence[str], shape: tuple[int, ...], limits: Limits, read: Callable[[bytes], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    pixels = np.empty((len(encoded), *shape), np.uint8)
    for row, value in enumerate(encoded):
        try:
            pixels[row] = read(_content(value, limits.image_bytes))
        except UnsupportedImageError as error:
            raise _of(row, len(encoded), Problem(415, str(error))) from error
        except Problem as problem:
            raise _of(row, len(encoded), problem) from problem.__cause__
    return pixels


def _of(row: int, count: int, problem: Problem) -> Problem:
    """Return a problem of one image that says which of several it is."""
    return problem if count == 1 else Problem(problem.status, f"image {row}: {problem.detail}")


def _content(value: str, most_bytes: int) -> bytes:
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem(400, f"an image must be base64: {error}.\n  Encode the file's bytes.") from error
    if len(content) > most_bytes:
        raise Problem(
            413,
            f"an image may have {most_bytes:,} bytes (--image-bytes): got {len(content):,}.\n  Scale it down.",
        )
    return content


def _pixel_count(content: bytes) -> int:
    """Return how many pixels a file says it has; 0 for what is none, of which reading it says more."""
    pillow = import_extra("PIL.Image", extra="data", purpose="reading images")
    try:
        with pillow.open(io.BytesIO(content), formats=WEB_FORMATS) as image:
            return image.width * image.height
    except (OSError, ValueError, SyntaxError, EOFError, pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        return 0
