"""Samplers beside TensorFlow Similarity, pytorch-metric-learning and a bare Pillow loop, in one run."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from journey.run import peer_python
from measure import RESULTS, run_child, versions, write

HERE = Path(__file__).parent
LIMITS = {"60k": 0.05, "60k float32": 0.05, "1M labels": 0.5, "1M labels, list of strings": 0.5, "100k classes": 1.0}
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def prepared_catalogue(folder):
    """A folder of TensorFlow Datasets in which MNIST lies ready, so that reading it is all that is measured."""
    manual = Path(folder, "downloads", "manual")
    manual.mkdir(parents=True)
    for file in Path(os.environ["KERAS_SIMILARITY_DATA"], "mnist").glob("*.gz"):
        shutil.copy(file, manual)
    code = "import tensorflow_datasets as tfds; tfds.load('mnist')"
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {"TFDS_DATA_DIR": folder}
    )


def table(ours, upstream, folder, waiting, many):
    """The rows of the report: what, the peer's number, ours, the floor or ceiling, and whether it holds."""
    rows = []
    for size, peer in upstream["rates"].items():
        for kind in ("rates", "rates_float32"):
            value = ours[kind][size]
            rows.append(
                {"what": f"batches per CPU s from 60k in memory, batch {size}" + kind[5:].replace("_", ", "),
                 "peer": peer, "ours": value, "at_least": 1.5 * peer}
            )  # fmt: skip
    for what, limit in LIMITS.items():
        rows.append(
            {"what": f"construct on {what}, CPU s", "peer": upstream["construct"].get(what),
             "ours": ours["construct"][what], "at_most": limit}
        )  # fmt: skip
    speed = folder["images_per_s"]
    rows += [
        {"what": "TFDS sampler, 70k examples, CPU s", "peer": upstream["tfds"], "ours": ours["tfds"],
         "at_most": upstream["tfds"] / 3},
        {"what": "folder of 20,000 JPEGs, images per s", "peer": speed["bare"], "ours": speed["ours"],
         "at_least": 0.85 * speed["bare"]},
        {"what": "folder, growth of memory from the first quarter to the last, MB", "peer": None,
         "ours": folder["resident_mb"][-1] - folder["resident_mb"][0], "at_most": 50},
        {"what": "share of a step waiting for data, a small network", "peer": None, "ours": waiting["share"],
         "at_most": 0.02},
        {"what": "Omniglot, 32 × 4, batches per CPU s", "peer": many["peer"], "ours": many["ours"],
         "at_least": 2 * many["peer"]},
    ]  # fmt: skip
    for row in rows:
        row["holds"] = row["ours"] >= row["at_least"] if "at_least" in row else row["ours"] <= row["at_most"]
    return rows


def main():
    with tempfile.TemporaryDirectory() as catalogue:
        prepared_catalogue(catalogue)
        environment = THREADS | {"TFDS_DATA_DIR": catalogue}
        ours = run_child(sys.executable, HERE / "rates.py", "ours", **environment)
        upstream = run_child(peer_python(), HERE / "rates.py", "upstream", **environment, PYTHONPATH="")
    many = run_child(sys.executable, HERE / "many_classes.py", **THREADS)
    folder = run_child(sys.executable, HERE / "folder.py", "2", **THREADS)
    waiting = run_child(sys.executable, HERE / "waiting.py")
    rows = table(ours, upstream, folder, waiting, many)
    RESULTS.mkdir(exist_ok=True)
    packages = versions("keras", "numpy", "pillow", "pytorch-metric-learning", "torch", "tensorflow-datasets")
    write("samplers", rows, versions=packages, ours=ours, upstream=upstream, folder=folder, waiting=waiting, many=many)
    for row in rows:
        limit = row.get("at_least", row.get("at_most"))
        mark = "ok  " if row["holds"] else "MISS"
        print(f"{mark} {row['what']}: {row['ours']:.4g} (peer {row['peer']}, limit {limit:.4g})")
