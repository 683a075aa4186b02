"""The command lines of the pages, run as they stand there, in a folder with a few images."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from cli.colored_images import write_colored_images
from guides import shell_lines
from keras_similarity import Index

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "tfsim_0_17_1"
COLORS = {"cats": (200, 120, 30), "dogs": (90, 60, 40), "birds": (30, 30, 200)}
# What a page leaves to its reader's patience: few steps on small images, and any free port.
QUICKLY = {
    "KERAS_SIMILARITY_TRAIN_STEPS": "12",
    "KERAS_SIMILARITY_TRAIN_SIZE": "16",
    "KERAS_SIMILARITY_SERVE_PORT": "0",
}
LISTENS = {"keras-similarity serve ": "", "keras-similarity explore ": " --no-browser"}
ELSEWHERE = ("keras-similarity demo", "keras-similarity import-tfsim ")
EXPORTS = all(map(importlib.util.find_spec, ("jax2onnx", "onnx", "onnxruntime")))
NO_EXPORT = "what exports is not installed; make test-all has it"


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A folder with `images/`, a subfolder for each of three classes, in which README was read; what it printed."""
    folder = tmp_path_factory.mktemp("read")
    write_colored_images(folder / "images", COLORS)
    return folder, run_lines(lines_of("README.md"), folder)


@pytest.fixture
def folder(read, tmp_path):
    """A copy of that folder, with what else the pages speak of."""
    folder = tmp_path / "folder"
    shutil.copytree(read[0], folder)
    (folder / "backup").mkdir()
    (folder / "keys.txt").write_text("a-key-of-sixteen-characters-or-more\n")
    shutil.copy(folder / "images" / "cats" / "3.png", folder / "cat.png")
    for name in ("queries", "more"):
        shutil.copy(folder / "vectors.parquet", folder / f"{name}.parquet")
    return folder


def lines_of(page):
    return shell_lines((ROOT / page).read_text())


def environment(**variables):
    return os.environ | QUICKLY | variables | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def run_lines(lines, folder, **variables):
    """Run what a page tells a reader to type, and return what it printed. What serves stays until the next does."""
    printed, server = "", None
    try:
        for line in lines:
            listens = [more for start, more in LISTENS.items() if line.startswith(start)]
            if listens:
                end(server)
                server = subprocess.Popen(
                    ["bash", "-c", f"exec {line}{listens[0]}"],
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=folder,
                    env=environment(**variables),
                )
                address = ready(server)
            elif line.startswith("keras-similarity ") and not line.startswith(ELSEWHERE):
                printed += done(line.replace(" /", f" {folder}/"), folder, **variables)
            elif line.startswith("curl ") and "localhost:8000" in line and server is not None and shutil.which("curl"):
                printed += done(line.replace("localhost:8000", address), folder)
        return printed
    finally:
        end(server)


def end(server):
    if server is not None:
        with server.stderr:
            server.terminate()
            assert server.wait(timeout=30) == 0


def done(line, folder, **variables):
    told = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, cwd=folder, env=environment(**variables)
    )
    assert told.returncode == 0, f"{line}: {told.stdout[-1500:]}{told.stderr[-3000:]}"
    return told.stdout


def ready(server):
    """The address of a server, when it answers."""
    told = server.stderr.readline()
    found = re.search(r"(?:serving|exploring) at http://([^/\s]+)", told)
    assert found, told + server.stderr.read()
    address = found[1].replace("0.0.0.0", "127.0.0.1")
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://{address}/readyz", timeout=5):
                return address
        except OSError:
            time.sleep(0.1)
    raise AssertionError("it was never ready")


def test_readme__does_what_it_says(read):
    assert re.search(r"\b1\s+\W\s+cats/3\.png", read[1]), read[1]  # the image that was asked for, nearest to itself
    if shutil.which("curl"):
        assert re.search(r'"results":\[\[{"id":"cats/\d.png"', read[1]), read[1]


def test_backup_report_and_export__do_what_they_say(folder):
    assert "True" in run_lines(lines_of("docs/guides/backup.md"), folder)
    assert len(list((folder / "backup").glob("*.index"))) == 1
    run_lines(lines_of("docs/pictures.md"), folder)
    assert "cats" in (folder / "report.html").read_text(encoding="utf-8")
    if not EXPORTS:
        pytest.skip(NO_EXPORT)
    run_lines(lines_of("docs/export.md"), folder)
    assert (folder / "model.onnx").stat().st_size > 10_000


def test_explorer__is_shown(folder):
    run_lines(lines_of("docs/explorer.md"), folder)


@pytest.mark.skipif(not EXPORTS, reason=NO_EXPORT)
def test_deployment__exports_looks_and_serves(folder):
    shutil.rmtree(folder / "my.index")
    assert "keras-similarity" in run_lines(lines_of("docs/guides/deploy.md"), folder)
    told = run_lines(lines_of("docs/serving.md"), folder)
    if shutil.which("curl"):
        assert '"results":[[{"id":"cats/' in told, told


@pytest.mark.skipif(not EXPORTS, reason=NO_EXPORT)
def test_index_in_a_database__is_served(folder, postgres):
    done("keras-similarity export model.keras model.onnx --to onnx", folder)
    url = postgres.url()
    with Index(64, store=url) as index:
        index.add(np.eye(3, 64), ["cats", "dogs", "birds"])
    lines = [
        *lines_of("docs/guides/scale.md"),
        "curl -sf localhost:8000/v1/indexes -H 'authorization: Bearer a-key-of-sixteen-characters-or-more'",
    ]
    told = run_lines(lines, folder, KERAS_SIMILARITY_INDEXES=url)
    if shutil.which("curl"):
        assert f'"name":"{url.rpartition("table=")[2]}"' in told, told


def test_embedding_everything__fills_an_index(folder):
    shutil.rmtree(folder / "my.index")
    lines = [line for line in lines_of("docs/bulk.md") if importlib.util.find_spec("ray") or "ray" not in line]
    run_lines(lines, folder)
    with Index.open(folder / "my.index") as index:
        assert len(index) == 30


def test_reference_of_commands__its_examples_run(folder):
    """What makes something first, as the page tells of commands and not of a journey."""
    shutil.rmtree(folder / "my.index")
    first = ("keras-similarity train ", "keras-similarity embed ", "keras-similarity index build ")
    lines = sorted(lines_of("docs/reference/commands.md"), key=lambda line: not line.startswith(first))
    lines = [line for line in lines if EXPORTS or " export " not in line]
    run_lines(lines, folder)
    with Index.open(folder / "my.index") as index:
        assert len(index) == 29  # all but the one that is removed last


@pytest.mark.parametrize(
    ("page", "saved"), [("docs/migrating.md", "with_data"), ("docs/reference/commands.md", "without_data")]
)
def test_index_of_tensorflow_similarity__becomes_one(page, saved, tmp_path):
    shutil.copytree(GOLDEN / saved, tmp_path / "saved_model")
    (line,) = [line for line in lines_of(page) if line.startswith("keras-similarity import-tfsim ")]
    done(line, tmp_path)
    with Index.open(tmp_path / "my.index") as index:
        assert len(index) == len(np.load(GOLDEN / saved / "index" / "index.npz")["embeddings"])


def test_the_page_of_the_command_line__has_no_other_lines_than_the_readme():
    readme, page = (
        {line.split(" #")[0].strip() for line in shell_lines((ROOT / name).read_text())}
        for name in ("README.md", "docs/command-line.md")
    )
    assert len(page) == 4
    assert page <= readme
