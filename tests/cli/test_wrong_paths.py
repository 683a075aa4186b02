"""A path that is not there, or is taken, or a port: what a shell is told to do about it."""

import socket

import pytest
from PIL import Image
from typer.testing import CliRunner

from keras_similarity import Index
from keras_similarity.cli.commands import app

SERVING = [["serve"], ["explore", "--no-browser"]]


def failed(*arguments):
    """The message of a command that failed before it said anything else."""
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 1
    assert (done.stdout, done.stderr) == ("", "")
    return str(done.exception)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The folder of an index, named so that commands find it in this one."""
    monkeypatch.chdir(tmp_path)
    with Index(3, store=tmp_path / "shelf.index") as index:
        index.add([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], ["a", "b"])
    return "shelf.index"


@pytest.mark.parametrize(("name", "said"), [("nope.png", "no image is at nope.png"), ("photos", "photos is a folder")])
def test_query__image_that_is_not_there__is_not_to_be_converted(shelf, tmp_path, name, said):
    pytest.importorskip("onnxruntime", reason="an extra (onnx); make test-all has it")
    pytest.importorskip("onnx", reason="an extra (onnx); make test-all has it")
    from onnx_files import write_onnx

    (tmp_path / "photos").mkdir()
    message = failed("query", shelf, "--image", name, "--encoder", write_onnx(tmp_path / "means.onnx"))
    assert message.startswith(said)
    assert "Convert" not in message


def test_train__folder_that_is_not_there__is_named(shelf):
    assert failed("train", "nope", "--out", "m.keras") == "no folder is at nope.\n  Check the path."


def test_index_build__folder_of_an_index__says_what_a_shell_can_do(shelf, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    for words in (["index", "build", "v.parquet", shelf], ["index", "restore", shelf, shelf]):
        message = failed(*words)
        assert message.startswith("an index lives in shelf.index already.\n")
        assert "Index.open" not in message
        assert "`keras-similarity index add`, or choose another folder" in message


@pytest.mark.parametrize("command", SERVING, ids=["serve", "explore"])
def test_serving__what_is_not_there__is_told_of_before_it_serves(shelf, command):
    pytest.importorskip("litestar", reason="an extra (serve)")
    assert failed(*command, shelf, "--encoder", "nope.keras") == "no model is at nope.keras.\n  Check --encoder."
    message = failed(*command, shelf, "--api-key-file", "nokeys.txt")
    assert message == "no file of API keys is at nokeys.txt.\n  Check the path."
    message = failed(*command, shelf, "--api-key-file", ".")
    assert message.startswith("the file of API keys . cannot be read: ")


@pytest.mark.parametrize("command", SERVING, ids=["serve", "explore"])
def test_serving__port_in_use__says_how_to_choose_another(shelf, command):
    pytest.importorskip("litestar", reason="an extra (serve)")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = failed(*command, shelf, "--port", port)
    assert message == f"port {port} is in use by another program.\n  Choose another with --port."
