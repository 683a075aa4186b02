"""What an opened image becomes."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_similarity.core.image_pixels import image_pixels

COLOUR = {"RGB": (10, 20, 30), "L": 77, "1": 0, "I;16": 20_000}
OTHER = {"RGB": (200, 100, 50), "L": 120, "1": 1, "I;16": 40_000}


def opened(mode, *, transparent):
    """A PNG of two pixels, of which the first has the transparent colour."""
    image = Image.new(mode, (2, 1), OTHER[mode])
    image.putpixel((0, 0), COLOUR[mode])
    file = io.BytesIO()
    image.save(file, "PNG", **({"transparency": COLOUR[mode]} if transparent else {}))
    return Image.open(file)


@pytest.mark.parametrize("wanted", ["RGB", "L"])
@pytest.mark.parametrize("mode", COLOUR)
def test_transparent_colour__is_white_and_nothing_else_changes(mode, wanted):
    with_colour, without = (image_pixels(opened(mode, transparent=kind), wanted) for kind in (True, False))
    assert (with_colour[0, 0] == 255).all()
    assert not (without[0, 0] == 255).any()
    assert np.array_equal(with_colour[0, 1], without[0, 1])


@pytest.mark.parametrize("mode", COLOUR)
def test_transparent_colour__with_alpha_asked_for__has_none(mode):
    assert image_pixels(opened(mode, transparent=True), "RGBA")[0, :, 3].tolist() == [0, 255]
    assert image_pixels(opened(mode, transparent=False), "RGBA")[0, :, 3].tolist() == [255, 255]


def test_transparent_colour__of_sixteen_bits_a_channel__is_white_alone():
    """Pillow reads such an image as 8 bits, and its transparent colour as 16."""
    black, key = (0, 0, 0), (256, 512, 768)

    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)),
        (b"tRNS", struct.pack(">3H", *key)),
        (b"IDAT", zlib.compress(b"\0" + struct.pack(">6H", *black, *key))),
        (b"IEND", b""),
    ]
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    assert image_pixels(Image.open(file), "RGB").tolist() == [[[0, 0, 0], [255, 255, 255]]]
