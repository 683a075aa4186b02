"""The pictures of the pages, of the digits that scikit-learn ships: python docs/images/make.py.

Needs the extras `data`, `serve` and `viz`, playwright, and Debian's chromium and fonts-dejavu-core.
"""

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_digits

import keras_similarity as ks

FOLDER = Path(__file__).parent
COLORS = 128  # a picture of a page in so few stays below 60 kB
FIRST, THIRD = 700, 1050  # of the digits 0 to 7: indexed up to the first, calibrated with up to the third


def main() -> None:
    """Make all of them."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.data))
    images = (digits.images[order] * 15).astype(np.uint8)
    x, y = digits.data[order].astype(np.float32), digits.target[order]
    known = np.flatnonzero(y < 8)
    with TemporaryDirectory() as folder, ks.Index(64, "euclidean", store=f"{folder}/digits.index") as index:
        gallery = known[:FIRST]
        index.add(x[gallery], y[gallery].tolist(), data=images[gallery])
        third = np.concatenate([known[FIRST:THIRD], np.flatnonzero(y == 8)])
        calibration = ks.calibrate.calibrate(
            index, x[third], y[third].tolist(), {"few strangers": "fpr <= 0.05"}, k=10, extra_metrics=["recall", "fpr"]
        )
        calibration.save(f"{folder}/digits.index/calibration.npz")
        save(drawn(ks.visualization.viz_thresholds(calibration, show=False)), "thresholds.png")
        rows = [*known[THIRD : THIRD + 2], *np.flatnonzero(y == 9)[:2]]
        result = index.search(x[rows], k=5)
        grid = ks.visualization.viz_neighbors_grid(images[rows], y[rows].tolist(), result, fig_size=(6, 5), show=False)
        save(drawn(grid), "neighbors.png")
        page = ks.visualization.report(index, calibration=calibration, map_method="pca", title="Report of the digits")
        page.save(f"{folder}/report.html")
        index.close()
        with browser() as chromium:
            save(report(chromium, f"{folder}/report.html"), "report.png")
            five = str(np.flatnonzero(y[gallery] == 5)[0])
            save(explorer(chromium, f"{folder}/digits.index", five), "explorer.png")


def drawn(figure: Any) -> bytes:
    """Return a figure as a file."""
    file = io.BytesIO()
    figure.savefig(file, dpi=90, format="png")
    return file.getvalue()


@contextmanager
def browser() -> Iterator[Any]:
    """Yield Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--use-angle=swiftshader", "--no-sandbox"]
        )
        yield chromium
        chromium.close()


def report(chromium: Any, path: str) -> bytes:
    """Return the first screen of a report."""
    page = chromium.new_page(viewport={"width": 900, "height": 1110})
    page.goto(f"file://{path}")
    return page.screenshot()


def explorer(chromium: Any, index: str, item: str) -> bytes:
    """Return the explorer with the neighbours of an item."""
    command = [Path(sys.executable).with_name("keras-similarity"), "explore", index, "--map", "pacmap", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = re.search(r"http://\S+", process.stderr.readline() if process.stderr else "")
            page = chromium.new_page(viewport={"width": 1200, "height": 720})
            page.goto(address[0] if address else "")
            page.wait_for_function("document.getElementById('drawn').textContent !== ''", timeout=120_000)
            page.wait_for_function("document.querySelectorAll('#map canvas').length > 0")
            page.select_option("#kind", "id")
            page.fill("#words", item)
            page.press("#words", "Enter")
            page.wait_for_function("document.querySelectorAll('#neighbors img').length >= 6")
            page.wait_for_timeout(1000)  # until the map has moved there and the last picture has come
            return page.screenshot()
        finally:
            process.terminate()


def save(content: bytes, name: str) -> None:
    """Write a picture in few colours."""
    with Image.open(io.BytesIO(content)) as image:
        image.convert("RGB").quantize(COLORS).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
