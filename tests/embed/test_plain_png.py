"""The short way of reading a PNG gives the pixels that the long way gives, or leaves the file to it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from keras_similarity.embed import ImageTooLargeError, UnsupportedImageError, read_image
from keras_similarity.embed.plain_png import HEADER, SIGNATURE, plain_png

MANY = 20_000_000


def encoded(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def noise(rng, mode, size=(17, 13)):
    channels = len(mode)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], channels)).astype(np.uint8).squeeze(), mode)


def with_header(content, **changed):
    """The file with other values in its header, and the header's checksum made anew."""
    names = ("width", "height", "bits", "color", "compression", "filter", "interlace")
    values = dict(zip(names, HEADER.unpack_from(content, len(SIGNATURE) + 8), strict=True)) | changed
    header = b"IHDR" + HEADER.pack(*values.values())
    start = len(SIGNATURE) + 4
    end = start + len(header) + 4
    return content[:start] + header + struct.pack(">I", zlib.crc32(header)) + content[end:]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("shape", [(13, 17, 1), (13, 17, 3), (13, 17, 4), (8, 9, 3)])
def test_a_plain_file__has_the_pixels_of_the_long_way(tmp_path, rng, mode, shape):
    content = encoded(noise(rng, mode), optimize=True)
    (tmp_path / "i.png").write_bytes(content)  # a path goes the long way
    assert plain_png(content, MANY) is not None
    assert np.array_equal(read_image(content, shape), read_image(tmp_path / "i.png", shape))


def test_pixels_in_several_parts__are_joined(rng, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.MAXBLOCK", 1024)
    content = encoded(noise(rng, "RGB", (64, 64)))
    assert content.count(b"IDAT") > 1
    assert np.array_equal(plain_png(content, MANY), Image.open(io.BytesIO(content)))


def special_files(rng):
    words = PngImagePlugin.PngInfo()
    words.add_text("about", "a text")
    exif = Image.Exif()
    exif[0x0112] = 6
    grey, colors = noise(rng, "L"), noise(rng, "RGB")
    return {
        "palette": encoded(colors.quantize()),
        "sixteen bits": encoded(Image.fromarray(np.full((4, 4), 40_000, np.uint16))),
        "one bit": encoded(grey.convert("1")),
        "a transparent colour": encoded(grey, transparency=3),
        "an orientation": encoded(colors, exif=exif),
        "a text": encoded(colors, pnginfo=words),
        "frames": encoded(colors, save_all=True, append_images=[colors.rotate(90)]),
        "something behind the end": encoded(grey) + b"more",
        "large": encoded(noise(rng, "RGB", (300, 300))),
    }


def test_a_file_with_anything_else__is_left_to_the_long_way(rng):
    for name, content in special_files(rng).items():
        assert plain_png(content, MANY) is None, name
        assert read_image(content, (8, 8, 3)).shape == (8, 8, 3), name


@pytest.mark.parametrize("changed", [{"interlace": 1}, {"compression": 1}, {"filter": 1}, {"bits": 16}, {"color": 3}])
def test_a_header_of_another_kind__is_left_to_the_long_way(rng, changed):
    assert plain_png(with_header(encoded(noise(rng, "L")), **changed), MANY) is None


def test_too_many_pixels__are_refused_as_ever(rng):
    content = encoded(noise(rng, "L"))
    assert plain_png(content, 17 * 13) is not None
    assert plain_png(content, 17 * 13 - 1) is None
    with pytest.raises(ImageTooLargeError):
        read_image(content, (8, 8, 1), most_pixels=100)
    assert plain_png(with_header(content, width=0), MANY) is None


def test_a_file_that_is_cut_or_changed__is_never_taken(rng):
    content = encoded(noise(rng, "L"))
    for length in range(len(content)):
        assert plain_png(content[:length], MANY) is None
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        assert plain_png(bytes(changed), MANY) is None


def test_fewer_pixels_than_the_header_says__are_refused(rng):
    content = with_header(encoded(noise(rng, "L")), height=40)
    assert plain_png(content, MANY) is None
    with pytest.raises(UnsupportedImageError):
        read_image(content, (8, 8, 1))
