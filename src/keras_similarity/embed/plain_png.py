"""A PNG file without anything special, as small images mostly are, read without the ceremony of any file."""

import struct
import zlib
from typing import Any

from keras_similarity.core.extras import import_extra

__all__ = ["plain_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\0\0\0\0IEND\xaeB`\x82"
HEADER = struct.Struct(">IIBBBBB")  # width, height, bits, colour, compression, filter, interlace
BEGIN = struct.Struct(">I4s")  # of a chunk: its length and its name
CRC = struct.Struct(">I")
MODES = {0: "L", 2: "RGB", 6: "RGBA"}  # of a header's colour, at 8 bits
MOST_BYTES = 100_000  # of a larger file the ceremony is nothing


def plain_png(content: bytes, most_pixels: int) -> Any | None:
    """Return a PNG of 8-bit grey, RGB or RGBA as a Pillow image; None for any other file, and for a damaged one.

    It has nothing but a header, pixels and an end: what could change how pixels are read, such as a palette or an
    orientation, is left to `PIL.Image.open`, as is saying what is wrong.

    Args:
        content: The file's.
        most_pixels: None for more.
    """
    if len(content) > MOST_BYTES or not (content.startswith(SIGNATURE) and content.endswith(END)):
        return None
    chunks = _chunks(content)
    if not chunks or len(chunks[0]) != HEADER.size:
        return None
    width, height, bits, color, *ways = HEADER.unpack(chunks[0])
    if bits != 8 or color not in MODES or ways != [0, 0, 0] or not 0 < width * height <= most_pixels:
        return None
    pillow = import_extra("PIL.Image", extra="data", purpose="reading images")
    mode = MODES[color]
    try:
        return pillow.frombytes(mode, (width, height), b"".join(chunks[1:]), "zip", mode)
    except (OSError, ValueError):
        return None


def _chunks(content: bytes) -> list[bytes] | None:
    """Return the content of the header and of each part of the pixels; None where there is anything else, or damage."""
    found: list[bytes] = []
    start, end = len(SIGNATURE), len(content) - len(END)
    while start < end:
        length, name = BEGIN.unpack_from(content, start)
        stop = start + BEGIN.size + length
        if name != (b"IDAT" if found else b"IHDR") or stop + CRC.size > end:
            return None
        if CRC.unpack_from(content, stop)[0] != zlib.crc32(content[start + 4 : stop]):
            return None
        found.append(content[start + BEGIN.size : stop])
        start = stop + CRC.size
    return found
