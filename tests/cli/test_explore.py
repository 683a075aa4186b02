"""`keras-similarity explore`: a page over an index, on loopback."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import keras_similarity as ks

COMMAND = Path(sys.executable).with_name("keras-similarity")


def explore(*arguments):
    return subprocess.Popen([COMMAND, "explore", *arguments, "--no-browser"], stderr=subprocess.PIPE, text=True)


def _asked(address):
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def test_explore__serves_the_page_and_the_map_until_it_is_stopped(tmp_path, rng):
    with ks.Index(4, store=tmp_path / "my.index") as index:
        index.add(rng.normal(size=(30, 4)), ["a", "b", "c"] * 10)
    with explore(tmp_path / "my.index", "--map", "pca", "--points", "20") as process:
        try:
            page = re.search(r"http://127\.0\.0\.1:\d+/explorer/", process.stderr.readline())[0]
            with urllib.request.urlopen(page) as answer:
                assert b"<title>Explorer</title>" in answer.read()
            while "drawn" not in (about := _asked(page.replace("/explorer/", "/v1/indexes/my/map"))):
                assert about == {"ready": False}
            assert (about["size"], about["drawn"]) == (30, 20)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_explore__another_kind_of_map__says_which_there_are(tmp_path):
    with ks.Index(4, store=tmp_path / "my.index"):
        pass
    with explore(tmp_path / "my.index", "--map", "tsne") as process:
        assert "pacmap" in process.communicate(timeout=30)[1]
        assert process.returncode == 1
