"""Images as small pictures inside a page."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_similarity.core.checks import as_array
from keras_similarity.core.extras import import_extra
from keras_similarity.visualization.images import in_unit_range

__all__ = ["data_uri", "sprite_sheets", "thumbnail"]

ACROSS = 16  # thumbnails in a row of a sheet, and rows
JPEG_QUALITY = 70


def thumbnail(image: Any, side: int) -> Any:
    """Return a Pillow image that fits a square, or None for what is no image.

    Args:
        image: An array or tensor `(h, w)`, `(h, w, 1)`, `(h, w, 3)` or `(h, w, 4)` of any range, the bytes of an image
            file, a Pillow image, or anything else.
        side: Of the square, in pixels.
    """
    pillow = import_extra("PIL.Image", extra="viz", purpose="thumbnails")
    if isinstance(image, bytes):
        try:
            picture = pillow.open(io.BytesIO(image)).convert("RGB")
        except (OSError, SyntaxError, ValueError):
            return None
    elif isinstance(image, pillow.Image):
        picture = image.convert("RGB")
    else:
        pixels = _pixels(image)
        if pixels is None:
            return None
        picture = pillow.fromarray(pixels).convert("RGB")
    picture.thumbnail((side, side))
    return picture


def data_uri(picture: Any, kind: str = "png") -> str:
    """Return a Pillow image as an address that holds it."""
    content = io.BytesIO()
    picture.save(content, kind.upper(), **({"quality": JPEG_QUALITY} if kind == "jpeg" else {"optimize": True}))
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"


def sprite_sheets(pictures: Sequence[Any], side: int) -> list[str]:
    """Return sheets of 16 × 16 thumbnails each, in the order of the pictures; None leaves a place empty."""
    pillow = import_extra("PIL.Image", extra="viz", purpose="thumbnails")
    sheets: list[str] = []
    for start in range(0, len(pictures), ACROSS * ACROSS):
        part = pictures[start : start + ACROSS * ACROSS]
        rows = -(-len(part) // ACROSS)
        sheet = pillow.new("RGB", (ACROSS * side, rows * side), "white")
        for place, picture in enumerate(part):
            if picture is not None:
                sheet.paste(picture, (place % ACROSS * side, place // ACROSS * side))
        sheets.append(data_uri(sheet, "jpeg"))
    return sheets


def _pixels(image: Any) -> np.ndarray | None:
    if not (hasattr(image, "__array__") or hasattr(image, "detach") or isinstance(image, list)):
        return None
    array = as_array(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not is_image or array.dtype.kind not in "biuf" or min(array.shape[:2]) < 2:
        return None
    unit = in_unit_range(np.nan_to_num(array.astype(np.float64) if array.dtype.kind != "u" else array))
    return np.round(np.clip(unit, 0, 1) * 255).astype(np.uint8)
