"""Images as small pictures inside a page."""

import base64
import io
from collections.abc import Sequence
from typing import Any

from keras_similarity.core.checks import as_array
from keras_similarity.core.extras import import_extra
from keras_similarity.core.image_pixels import image_pixels
from keras_similarity.core.pictures import as_pixels

__all__ = ["data_uri", "sprite_sheets", "thumbnail"]

ACROSS = 16  # thumbnails in a row of a sheet, and rows
JPEG_QUALITY = 70
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # of bytes: others of Pillow's run programs (EPS)


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
            with pillow.open(io.BytesIO(image), formats=FORMATS) as opened:
                picture = pillow.fromarray(image_pixels(opened, "RGB"))
        except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError, pillow.DecompressionBombWarning):
            return None
    elif isinstance(image, pillow.Image):
        picture = image.convert("RGB")
    else:
        is_array = hasattr(image, "__array__") or hasattr(image, "detach") or isinstance(image, list)
        pixels = as_pixels(as_array(image)) if is_array else None
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
                left, top = (side - picture.width) // 2, (side - picture.height) // 2
                sheet.paste(picture, (place % ACROSS * side + left, place // ACROSS * side + top))
        sheets.append(data_uri(sheet, "jpeg"))
    return sheets
