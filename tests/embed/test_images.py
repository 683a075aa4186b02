"""A model is served the pixels it was trained on."""

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from keras_similarity.core.image_folder import IMAGE_SUFFIXES, images_by_class, images_of_no_class
from keras_similarity.embed import ImageTooLargeError, UnsupportedImageError, read_image
from keras_similarity.embed.images import read_images

RED, WHITE = (200, 10, 10), (255, 255, 255)


def picture(rng):
    return Image.fromarray(rng.integers(0, 256, (30, 20, 3)).astype(np.uint8))


def test_transparent_pixels_lie_over_white(tmp_path):
    image = Image.new("RGBA", (2, 1), (*RED, 255))
    image.putpixel((1, 0), (*RED, 0))
    image.save(tmp_path / "i.png")
    assert read_image(tmp_path / "i.png", (1, 2, 3)).tolist() == [[list(RED), list(WHITE)]]


def test_sixteen_bits_become_eight(tmp_path):
    Image.fromarray(np.array([[0, 256, 65535]], np.uint16)).save(tmp_path / "i.png")
    assert read_image(tmp_path / "i.png", (1, 3, 1)).ravel().tolist() == [0, 1, 255]


def test_the_camera_s_orientation_is_applied(tmp_path, rng):
    image, exif = picture(rng), Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    image.save(tmp_path / "i.png", exif=exif)
    turned = np.asarray(image.transpose(Image.Transpose.ROTATE_270))
    assert np.array_equal(read_image(tmp_path / "i.png", (20, 30, 3)), turned)


def test_bytes_and_a_path_give_the_same(tmp_path, rng):
    picture(rng).save(tmp_path / "i.webp", lossless=True)
    content = (tmp_path / "i.webp").read_bytes()
    assert np.array_equal(read_image(content, (8, 8, 3)), read_image(tmp_path / "i.webp", (8, 8, 3)))


@pytest.mark.parametrize(
    ("error", "formats", "most_pixels"),
    [(UnsupportedImageError, ("JPEG",), 10_000), (ImageTooLargeError, None, 599)],
)
def test_what_is_not_wanted__is_refused(tmp_path, rng, error, formats, most_pixels):
    picture(rng).save(tmp_path / "i.png")
    with pytest.raises(error, match=r"i\.png"):
        read_image(tmp_path / "i.png", (8, 8, 3), formats=formats, most_pixels=most_pixels)


def test_photo_of_50_megapixels__is_read_as_one_s_own_and_not_as_another_s(tmp_path):
    Image.new("L", (8192, 6144), 90).save(tmp_path / "i.jpg")
    assert read_images([tmp_path / "i.jpg"], (2, 2, 1)).ravel().tolist() == [90] * 4
    with pytest.raises(ImageTooLargeError, match="8192 × 6144 pixels"):
        read_image(tmp_path / "i.jpg", (2, 2, 1))


def test_limit_above_pillow_s_own__holds(tmp_path, rng, monkeypatch):
    picture(rng).save(tmp_path / "i.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # beyond twice of which Pillow refuses
    assert read_images([tmp_path / "i.png"], (2, 2, 3), most_pixels=600).shape == (1, 2, 2, 3)
    assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(ImageTooLargeError, match=r"(?s)i\.png.*`image_pixels=`, in a shell --image-pixels"):
        read_images([tmp_path / "i.png"], (2, 2, 3), most_pixels=599)


def test_postscript_named_as_a_picture__is_never_run(tmp_path, monkeypatch):
    """Pillow hands it to the program `gs`."""
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # it looks for the program once
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "i.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(UnsupportedImageError, match=r"i\.png is no readable image.*in BMP, GIF, JPEG"):
        read_images([tmp_path / "i.png"], (2, 2, 3))
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("ending", ["bmp", "gif", "jfif", "jpg", "png", "ppm", "pgm", "tif", "webp"])
def test_every_ending_of_a_folder_of_images__is_read(tmp_path, rng, ending):
    picture(rng).convert("L").save(tmp_path / f"i.{ending}")
    assert read_images([tmp_path / f"i.{ending}"], (2, 2, 3)).shape == (1, 2, 2, 3)
    assert f".{ending}" in IMAGE_SUFFIXES


def test_images_by_class__deeper_ones_too__without_hidden_and_other_files(tmp_path):
    for name in ("b/1.png", "a/x/2.JPG", "a/.hidden.png", "a/notes.txt", ".git/3.png", "4.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    paths, labels = images_by_class(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["a/x/2.JPG", "b/1.png"]
    assert labels == ["a", "b"]
    assert [path.name for path in images_of_no_class(tmp_path)] == ["4.png"]


def test_path_without_a_file__is_no_damaged_image(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no image is at .*nope\.png"):
        read_images([tmp_path / "nope.png"], (2, 2, 3))
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_images([tmp_path], (2, 2, 3))
