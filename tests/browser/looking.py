"""A real server with the explorer page over pictures of clothes, in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import numpy as np

import keras_similarity as ks
from keras_similarity.calibrate import calibrate

SIDE = 14
CHANCE = 20261126
PAGES = {}  # of each address: they ask on and on, and are closed before their server ends

PROGRAM = """
import json, sys
import numpy as np
from pathlib import Path
from keras_similarity.embed import Encoder
from keras_similarity.serve import ApiKeys, Explorer, Limits, Metrics, Service, run_server, served_indexes
from keras_similarity.visualization.projection import project

options = json.loads(sys.argv[1])
limits, metrics = Limits(), Metrics()
encoder = Encoder(lambda rows: rows[..., 0].reshape(len(rows), -1), "image", (14, 14, 1), 196, "pixels", 1 / 255)
service = Service(
    served_indexes([Path(path) for path in options["indexes"]], limits, metrics),
    keys=ApiKeys(options.get("write", []), options.get("read", [])),
    limits=limits,
    metrics=metrics,
    explorer=Explorer(lambda rows: project(rows, method="pca"), most_points=options.get("points", 50_000)),
)
run_server(service, port=0, load_encoder=lambda: encoder, started=lambda address: print(address, flush=True))
"""


def pictures(rng, count):
    """Bright bars, squares and rings `(n, 14, 14)` uint8 with noise, and which each is: no data set is needed."""
    kinds = rng.integers(4, size=count)
    images = rng.integers(0, 60, (count, SIDE, SIDE)).astype(np.uint8)
    for image, kind in zip(images, kinds, strict=True):
        at = int(rng.integers(4, 9))
        bright = rng.integers(150, 255)
        if kind == 0:
            image[:, at - 1 : at + 2] = bright
        elif kind == 1:
            image[at - 1 : at + 2] = bright
        elif kind == 2:
            image[at - 3 : at + 4, at - 3 : at + 4] = bright
        else:
            image[2:12, 2:12] = bright
            image[5:9, 5:9] = 20
    return images, np.array(["bar", "beam", "square", "ring"])[kinds]


def embeddings(images):
    return images.reshape(len(images), -1).astype(np.float32) / 255


def make_wardrobe(folder, *, count=400):
    """A calibrated index with pictures beside it, two copies and one wrong label; the wrong label's id."""
    rng = np.random.default_rng(CHANCE)
    images, labels = pictures(rng, count)
    names = [f"p{row}" for row in range(count)]
    kept = labels.astype(object)
    wrong = int(np.flatnonzero(labels == "ring")[0])
    kept[wrong] = "bar"
    with ks.Index(SIDE * SIDE, store=folder, distance="euclidean") as index:
        index.add(embeddings(images), kept.tolist(), ids=names, data=images)
        index.add(embeddings(images[5:6]), [kept[5]], ids=["=copy"], data=images[5:6])
        others, truth = pictures(rng, 200)
        calibrate(index, embeddings(others), truth.tolist(), {"sure": "precision >= 0.99"}).save(
            folder / "calibration.npz"
        )
    return names[wrong]


@contextlib.contextmanager
def looking_at(folder, **options):
    """The address of a server over the index `folder`."""
    options = {"indexes": [str(folder)]} | options
    command = [sys.executable, "-c", PROGRAM, json.dumps(options)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    address = process.stdout.readline().strip()
    try:
        yield address
    finally:
        for page in PAGES.pop(address, ()):
            if not page.is_closed():
                page.close()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
