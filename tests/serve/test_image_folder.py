"""Previews of an index whose ids are paths of images: those in their folder, and nothing beside it."""

import io
import urllib.request

import numpy as np
import pytest
from PIL import Image as image

import keras_similarity as ks
from serve.serving import running


def write_picture(path, color, size=(9, 7)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.new("RGB", size, color).save(path, "PNG")


@pytest.fixture(scope="module")
def previewed(tmp_path_factory):
    """A function that asks for an item's preview: its status, and its picture's first pixel."""
    folder = tmp_path_factory.mktemp("previewed")
    images = folder / "images"
    write_picture(images / "cats" / "a b.png", (200, 0, 0))
    write_picture(images / "7", (0, 200, 0))
    write_picture(images / "large.png", (0, 0, 200), size=(200, 200))
    write_picture(folder / "secret.png", (1, 2, 3))
    write_picture(folder / "images-of-others" / "secret.png", (1, 2, 3))
    (images / "notes.txt").write_text("no image")
    (images / "link.png").symlink_to(folder / "secret.png")
    (images / "out").symlink_to(folder)
    (images / "within.png").symlink_to(images / "cats" / "a b.png")
    (images / "loop.png").symlink_to(images / "loop.png")
    names = ["cats/a b.png", "large.png", "notes.txt", "link.png", "out/secret.png", "within.png", "loop.png", "cats"]
    names += ["none.png", str(folder / "secret.png"), str(images / "7"), "x" * 500, "kept", 7]
    with ks.Index(2, store=folder / "shelf.index") as index:
        vectors = np.random.default_rng(3).normal(size=(len(names), 2))
        data = [np.full((4, 4, 3), 9, np.uint8) if name == "kept" else None for name in names]
        index.add(vectors, ids=[str(name) for name in names[:-1]] + [7], data=data)
    write_picture(images / "kept", (99, 99, 99))
    options = {"explorer": 50, "images": str(images), "limits": {"image_pixels": 10_000, "image_bytes": 10_000}}
    with running(folder / "shelf.index", **options) as client:

        def ask(item):
            path = f"/v1/indexes/shelf/previews/{urllib.request.quote(str(item), safe='')}"
            with urllib.request.urlopen(client.address + path) as answer:
                content = answer.read()
                return answer.status, image.open(io.BytesIO(content)).getpixel((0, 0)) if content else None

        yield ask, folder


@pytest.mark.parametrize(
    ("item", "color"),
    [("cats/a b.png", (200, 0, 0)), ("within.png", (200, 0, 0)), (7, (0, 200, 0)), ("kept", (9, 9, 9))],
)
def test_item_named_like_its_image__shows_it__unless_a_picture_is_kept_beside_it(previewed, item, color):
    assert previewed[0](item) == (200, color)


@pytest.mark.parametrize(
    "item", ["link.png", "out/secret.png", "loop.png", "notes.txt", "cats", "none.png", "large.png", "x" * 500]
)
def test_what_is_no_image_of_the_folder_or_too_large__is_not_shown(previewed, item):
    assert previewed[0](item) == (204, None)


def test_id_that_is_a_path_elsewhere__shows_nothing(previewed):
    ask, folder = previewed
    assert ask(folder / "secret.png") == (204, None)
    assert ask(folder / "images" / "7") == (200, (0, 200, 0))  # an absolute path, but of this folder
