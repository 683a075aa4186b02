"""The explorer page over an index made on the command line, which keeps no pictures: they are in their folder."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as image

from browser.conftest import wait_for_map

pyarrow = pytest.importorskip("pyarrow", reason="an extra (data); make test-all has it")
parquet = pytest.importorskip("pyarrow.parquet", reason="an extra (data); make test-all has it")
pytestmark = pytest.mark.browser

COMMAND = Path(sys.executable).with_name("keras-similarity")


@pytest.fixture
def address(tmp_path):
    """The address of `explore` over vectors whose ids are paths of images."""
    names = [f"{'red' if row % 2 else 'blue'}/{row}.png" for row in range(30)]
    for name in names:
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        image.new("RGB", (30, 20), name.split("/")[0]).save(tmp_path / "images" / name)
    vectors = np.random.default_rng(3).normal(size=(30, 4))
    table = pyarrow.table({"id": names, "vector": vectors.tolist(), "label": [name.split("/")[0] for name in names]})
    parquet.write_table(table, tmp_path / "vectors.parquet")
    made = [COMMAND, "index", "build", tmp_path / "vectors.parquet", tmp_path / "my.index"]
    subprocess.run(made, check=True, capture_output=True)
    options = ["--images", tmp_path / "images", "--map", "pca", "--no-browser"]
    with subprocess.Popen(
        [COMMAND, "explore", tmp_path / "my.index", *options], stderr=subprocess.PIPE, text=True
    ) as run:
        said = run.stderr.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+", said)[0]
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=20)


def test_neighbours__are_shown_with_the_images_of_their_folder(address, open_page):
    page = open_page(address)
    wait_for_map(page)
    page.fill("#words", "red/7.png")
    page.keyboard.press("Enter")
    shown = "[...document.querySelectorAll('#neighbors .card img')].filter((one) => one.naturalWidth === 30).length"
    page.wait_for_function(f"{shown} === 12")
    page.wait_for_function("document.querySelector('#neighbors .asked img').naturalWidth === 30")
    page.wait_for_load_state("networkidle")  # before its server ends
