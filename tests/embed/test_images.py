"""A model is served the pixels it was trained on."""

import numpy as np
import pytest
from PIL import Image

from keras_similarity.core.image_folder import images_by_class
from keras_similarity.embed import ImageTooLargeError, UnsupportedImageError, read_image

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


def test_images_by_class__deeper_ones_too__without_hidden_and_other_files(tmp_path):
    for name in ("b/1.png", "a/x/2.JPG", "a/.hidden.png", "a/notes.txt", ".git/3.png", "4.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    paths, labels = images_by_class(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["a/x/2.JPG", "b/1.png"]
    assert labels == ["a", "b"]
