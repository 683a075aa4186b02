"""Small pictures of what others stored: what is no image, or a dangerous one, is none."""

import base64
import io

import numpy as np
import pytest

from keras_similarity.visualization.thumbnails import sprite_sheets, thumbnail

image_module = pytest.importorskip("PIL.Image")


def file_of(image, kind):
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize("scale", [1 / 255, 1])
def test_arrays__of_any_range__and_tensors_like_lists(scale):
    pixels = np.array([[0, 51], [102, 255]])
    for given in (pixels * scale, (pixels * scale).tolist(), (pixels * scale)[..., None]):
        np.testing.assert_array_equal(np.asarray(thumbnail(given, 8))[..., 1], pixels)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "WEBP", "JPEG"])
def test_bytes_of_image_files__fit_the_square(kind):
    small = thumbnail(file_of(image_module.new("RGB", (40, 20), (200, 0, 0)), kind), 10)
    assert small.size == (10, 5)
    np.testing.assert_allclose(np.asarray(small)[2, 5], [200, 0, 0], atol=4)


def test_transparent_pixels__lie_over_white():
    small = thumbnail(file_of(image_module.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"), 4)
    assert (np.asarray(small) == 255).all()


def test_what_is_no_image__is_none(monkeypatch):
    whole = file_of(image_module.new("L", (30, 30)), "PNG")
    for given in (None, "path.png", 3, np.arange(5), np.array(["a"]), b"", b"GIF8", whole[:50]):
        assert thumbnail(given, 8) is None
    assert thumbnail(whole, 8) is not None
    monkeypatch.setattr(image_module, "MAX_IMAGE_PIXELS", 100)  # a bomb is one that has twice as many
    assert thumbnail(whole, 8) is None


def test_sheets__hold_pictures_in_the_middle_of_their_places():
    dark = image_module.new("RGB", (4, 4))
    [sheet] = sprite_sheets([None, dark], 8)
    pixels = np.asarray(image_module.open(io.BytesIO(base64.b64decode(sheet.partition(",")[2]))).convert("L"))
    assert pixels.shape == (8, 128)
    assert (pixels[:, :8] > 200).all()
    assert (pixels[3:5, 11:13] < 60).all()
    assert (pixels[[0, -1], 8:16] > 200).all()


def test_postscript__is_not_run(monkeypatch):
    ran = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *given: ran.append(given))
    assert thumbnail(file_of(image_module.new("L", (30, 30)), "EPS"), 8) is None
    assert ran == []
