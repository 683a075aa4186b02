"""Photos as cameras take them, in commands."""

import pytest
from PIL import Image
from typer.testing import CliRunner

from keras_similarity.cli.commands import app
from keras_similarity.cli.options import PHOTO_PIXELS
from keras_similarity.embed import images

pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
pytest.importorskip("onnx", reason="an extra (onnx); make test-all has it")

from onnx_files import write_onnx


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a photo of 50 megapixels and a small one, a model, and the index of both."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "images" / "sea").mkdir(parents=True)
    Image.new("RGB", (8192, 6144), (10, 90, 200)).save(folder / "images" / "sea" / "1.jpg")
    (folder / "images" / "land").mkdir()
    Image.new("RGB", (8, 8), (90, 200, 10)).save(folder / "images" / "land" / "1.png")
    write_onnx(folder / "means.onnx")
    done = run("index", "build", folder / "images", folder / "shelf.index", "--encoder", folder / "means.onnx")
    assert done.exit_code == 0, done.exception
    return folder


def test_photo_of_50_megapixels__is_found(work):
    photo = work / "images" / "sea" / "1.jpg"
    done = run("query", work / "shelf.index", "--image", photo, "--encoder", work / "means.onnx", "--json")
    assert done.exit_code == 0, done.exception
    assert '"id": "sea/1.jpg"' in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["train", "images", "--out", "new.keras"],
        ["query", "shelf.index", "--image", "images/sea/1.jpg", "--encoder", "means.onnx"],
        ["index", "build", "images", "new.index", "--encoder", "means.onnx"],
        ["index", "add", "images", "shelf.index", "--encoder", "means.onnx"],
        ["evaluate", "shelf.index", "images", "--encoder", "means.onnx"],
        ["calibrate", "shelf.index", "images", "--encoder", "means.onnx"],
        ["embed", "means.onnx", "images", "--out", "new.parquet"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_limit__is_an_option(work, command, monkeypatch):
    monkeypatch.chdir(work)
    done = run(*command, "--image-pixels", 50_000_000)
    assert "8192 × 6144 pixels, and 50,000,000 are read" in str(done.exception)
    assert "--image-pixels" in str(done.exception)
    assert not (work / "new.index").exists()


def test_limit_of_the_commands__is_that_of_the_library():
    assert images.PHOTO_PIXELS == PHOTO_PIXELS
