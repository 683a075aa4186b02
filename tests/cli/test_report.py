"""`keras-similarity report`: an index on one page."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.calibrate import calibrate
from keras_similarity.calibrate.kept import CALIBRATION_FILE

for package in ("matplotlib", "pandas", "plotly"):
    pytest.importorskip(package, reason="an extra (viz, data); make test-all has it")
image = pytest.importorskip("PIL.Image", reason="an extra (viz); make test-all has it")
COMMAND = Path(sys.executable).with_name("keras-similarity")


def run(*arguments):
    return subprocess.run(
        [COMMAND, "report", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def shelf(tmp_path, rng):
    """A calibrated index whose ids are paths of images, some of which exist, and one leads out of their folder."""
    rows = rng.normal(size=(6, 4)).astype(np.float32)
    with ks.Index(4, store=tmp_path / "my.index") as index:
        ids = ["a/0.png", "a/1.png", "b/2.png", "b/3.png", str(tmp_path / "secret.png"), "long" * 100]
        index.add(rows, ["a", "a", "b", "b", "out", "long"], ids=ids)  # fewer than 10: a map by PCA
        calibrate(index, rows, ["a", "a", "b", "b", "out", "owl"]).save(tmp_path / "my.index" / CALIBRATION_FILE)
    for path in ("a/0.png", "b/3.png", "../secret.png"):
        file = tmp_path / "images" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        image.new("RGB", (9, 9), (200, 30, 30)).save(content, "PNG")
        file.write_bytes(content.getvalue())
    return tmp_path


def test_report__is_written_with_the_folders_images_and_the_calibration(shelf):
    done = run(shelf / "my.index", "--images", shelf / "images", "-o", shelf / "page.html", "--json")
    assert done.returncode == 0, done.stderr
    text = (shelf / "page.html").read_text(encoding="utf-8")
    assert json.loads(done.stdout) == {
        "written": str(shelf / "page.html"),
        "items": 6,
        "bytes": (shelf / "page.html").stat().st_size,
    }
    assert "<h1>Report of my.index</h1>" in text
    assert "Thresholds, from 5 known and 1 unknown queries" in text
    assert 'alt="image of a"' in text
    assert 'alt="image of b"' in text
    assert 'alt="image of out"' not in text


@pytest.mark.parametrize("option", [["--images", "nowhere"], ["-o", "nowhere/page.html"]])
def test_report__a_folder_that_is_not_there__says_so_at_once(tmp_path, option):
    done = run(tmp_path / "no.index", *option)
    assert done.returncode == 1
    assert done.stderr == "error: no folder is at nowhere.\n  Check the path.\n"
