"""Stored data as small pictures: PNG written here, so that no imaging library is needed to look."""

import base64
import html
import struct
import zlib
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_pixels", "item_as_html", "png"]

SIDE = 96  # pixels of a thumbnail's longer side
MOST_BYTES = 2**20  # of an encoded image that is passed on as it is
MAGIC = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}


def item_as_html(data: Any, *captions: str) -> str:
    """Return a table cell with a picture of the data, where there is one, over the captions."""
    lines = "<br>".join(html.escape(caption) for caption in captions)
    return f'<td style="text-align:center">{_picture(data)}<br>{lines}</td>'


def png(image: NDArray[np.uint8]) -> bytes:
    """Encode grey `(h, w)`, RGB `(h, w, 3)` or RGBA `(h, w, 4)` pixels."""
    height, width = image.shape[:2]
    kind = {2: 0, 3: 2, 4: 6}[image.ndim if image.ndim == 2 else image.shape[2]]
    lines = np.zeros((height, 1 + image[0].size), np.uint8)  # each line begins with its filter, 0 for none
    lines[:, 1:] = image.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _picture(data: Any) -> str:
    if isinstance(data, np.ndarray):
        image = as_pixels(data)
        if image is not None:
            return _tag("png", png(image))
    if isinstance(data, bytes) and len(data) <= MOST_BYTES:
        kind = next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), None)
        if kind is not None:
            return _tag(kind, data)
    if isinstance(data, str | PurePath):
        return html.escape(str(data)[:40])
    return ""


def _tag(kind: str, content: bytes) -> str:
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return f'<img src="{source}" style="width:{SIDE}px;image-rendering:pixelated">'


def as_pixels(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return an image's pixels, thinned to about a thumbnail's size, or None for what is no image."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not is_image or array.dtype.kind not in "biuf" or array.size == 0 or min(array.shape[:2]) < 2:
        return None
    step = max(1, max(array.shape[:2]) // (2 * SIDE))
    array = array[::step, ::step]
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    values = np.nan_to_num(array.astype(np.float64))
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 255 or array.dtype == bool:
        values = (values - low) / max(high - low, 1e-12)
        high = 1.0
    return np.round(values * (255 if high <= 1 else 1)).astype(np.uint8)
