"""Images beside the subfolders of classes: a command says that it left them out, or what to do with them."""

import pytest
from PIL import Image
from typer.testing import CliRunner

from keras_similarity.cli.commands import app

pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
pytest.importorskip("onnx", reason="an extra (onnx); make test-all has it")

from onnx_files import write_onnx

COMMANDS = [
    ["embed", "means.onnx", "photos", "--out", "v.parquet"],
    ["index", "build", "photos", "new.index", "--encoder", "means.onnx"],
]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A model, and two images that lie in a folder itself."""
    monkeypatch.chdir(tmp_path)
    write_onnx("means.onnx")
    (tmp_path / "photos").mkdir()
    for name in ("1.png", "2.png"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").touch()
    return tmp_path / "photos"


@pytest.mark.parametrize("command", [*COMMANDS, ["train", "photos"]], ids=lambda words: words[0])
def test_images_in_no_subfolder__are_to_be_put_into_one(work, command):
    done = CliRunner().invoke(app, command)
    assert str(done.exception) == (
        "photos needs subfolders with images, one a class: its own images, 2, are in none.\n"
        "  Put the images into one subfolder, or into one a class."
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_images_beside_the_classes__are_counted_on_stderr_once(work, command):
    (work / "cats").mkdir()
    Image.new("RGB", (8, 8), "blue").save(work / "cats" / "3.png")
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.exception
    assert done.stderr == "note: images of photos that are in the subfolder of no class were left out: 2\n"
    for name in ("1.png", "2.png"):
        (work / name).unlink()
    done = CliRunner().invoke(app, [word.replace("new.index", "another.index") for word in command])
    assert (done.exit_code, done.stderr) == (0, "")


def test_folder_without_images__is_to_be_checked(work):
    for path in work.iterdir():
        path.unlink()
    done = CliRunner().invoke(app, COMMANDS[0])
    assert str(done.exception).endswith("there are none.\n  Check the path.")
