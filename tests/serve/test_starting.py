"""What a server makes of its command line before it listens, and whom it listens to then."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from serve.programs import serving
from serve.serving import make_shelf

COMMAND = Path(sys.executable).with_name("keras-similarity")
KEYS = "KERAS_SIMILARITY_API_KEYS"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("starting") / "shelf.index"
    make_shelf(folder, np.random.default_rng(7), count=20)
    return folder


def start(*arguments, **variables):
    """What a server says that must not start; one that does is waited for in vain."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env=os.environ | variables,
    )


@pytest.mark.parametrize("command", [["serve", "--allowed-host", "search.example.org"], ["explore", "--no-browser"]])
@pytest.mark.parametrize("option", ["--api-key-file", "--read-key-file"])
def test_key_file_without_a_key__is_an_error_and_no_server_without_keys(folder, tmp_path, command, option):
    (tmp_path / "keys.txt").write_text("\n \n")
    done = start(*command, folder, "--port", 0, option, tmp_path / "keys.txt")
    assert done.returncode == 1
    assert "is to hold API keys: got none" in done.stderr
    assert str(tmp_path / "keys.txt") in done.stderr


@pytest.mark.parametrize("value", ["", *(pytest.param(each, marks=pytest.mark.slow) for each in (",", ",,"))])
def test_variable_without_a_key__is_an_error(folder, value):
    done = start("serve", folder, "--port", 0, **{KEYS: value})
    assert done.returncode == 1
    assert f"the variable {KEYS} is to hold API keys" in done.stderr


@pytest.mark.parametrize(
    "host", ["::1", *(pytest.param(each, marks=pytest.mark.slow) for each in ("127.0.0.1", "localhost"))]
)
def test_server_on_loopback__is_called_by_no_other_name(folder, host):
    """Or a web page could give its own name this machine's address, and read what is here."""
    with serving(folder, "--host", host) as client:
        assert client.ask("GET", "/v1/indexes")[0] == 200
        assert client.ask("GET", "/v1/indexes", headers={"host": "evil.example"})[0] == 421


def test_probe__calls_a_server_by_its_address(folder):
    """As an orchestrator does, which knows no name of it."""
    with serving(folder, "--host", "0.0.0.0", "--insecure", "--allowed-host", "search.example.org") as client:
        pod = {"host": "10.1.2.3:8000"}
        assert [client.ask("GET", path, headers=pod)[0] for path in ("/healthz", "/readyz")] == [200, 200]
        assert client.ask("GET", "/v1/indexes", headers=pod)[0] == 421
        assert client.ask("GET", "/v1/indexes", headers={"host": "search.example.org"})[0] == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--explorer", "--images", "nowhere"], "no folder is at nowhere"),
        (["explore", "--no-browser", "--images", "nowhere"], "no folder is at nowhere"),
        (["serve", "--images", "."], "Pass --explorer too"),
    ],
)
def test_folder_of_images__that_is_none_or_that_nobody_would_see__is_an_error(folder, arguments, words):
    done = start(*arguments, folder, "--port", 0)
    assert done.returncode == 1
    assert words in done.stderr


def test_explore__refuses_another_model_than_the_one_that_is_meant(folder, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"another model")
    done = start("explore", folder, "--no-browser", "--encoder", tmp_path / "model.onnx", "--model-sha256", "0" * 64)
    assert done.returncode in (1, 3)
    assert "must have the SHA-256" in done.stderr


@pytest.mark.parametrize("option", ["--image-bytes", "--image-pixels", "--deadline"])
def test_explore__has_the_limits_that_a_person_meets(folder, option):
    done = start("explore", folder, "--no-browser", option, "0")
    assert done.returncode in (1, 2)
    assert option in done.stderr or "must be above 0" in done.stderr
