"""A report of 10,000 images in an index, calibration and map included: how long it takes and how large it is."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import RESULTS, versions, write

ITEMS = 10_000
MOST_SECONDS, MOST_MEGABYTES = 30, 10


def build(folder):
    """An index of Fashion-MNIST's first training images by their 64 main directions, images included, on disk."""
    from keras_similarity import Index
    from keras_similarity.calibrate import calibrate

    with np.load(Path(os.environ["KERAS_SIMILARITY_DATA"], "fashion_mnist_part1.npz")) as file:
        images, labels = file["x_train"][: ITEMS + 1000], file["y_train"][: ITEMS + 1000]
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=0)
    rows = flat @ np.linalg.eigh(flat.T @ flat)[1][:, -64:]
    index = Index(64, store=folder)
    index.add(rows[:ITEMS], labels[:ITEMS], data=list(images[:ITEMS]))
    calibrate(index, rows[ITEMS:], labels[ITEMS:]).save(Path(folder, "calibration.npz"))
    index.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        shelf, page = Path(folder, "shelf.index"), Path(folder, "report.html")
        build(shelf)
        command = [Path(sys.executable).with_name("keras-similarity"), "report", shelf, "-o", page]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        megabytes = page.stat().st_size / 1e6
    cpu = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    rows = [
        {"what": "report of 10,000 items, seconds", "ours": seconds, "floor": MOST_SECONDS, "cpu_seconds": cpu},
        {"what": "report of 10,000 items, MB", "ours": megabytes, "floor": MOST_MEGABYTES},
    ]
    RESULTS.mkdir(exist_ok=True)
    write("report", rows, versions=versions("numpy", "matplotlib", "plotly", "pacmap", "faiss-cpu"))
    for row in rows:
        print(f"{'ok  ' if row['ours'] <= row['floor'] else 'MISS'} {row['what']}: {row['ours']:.1f} ({row['floor']})")
