"""An index of clustered vectors, made or served with the explorer page: what `explore` does.

python ours.py build FOLDER COUNT | serve FOLDER PORT
"""

import sys
from pathlib import Path

import numpy as np

import keras_similarity as ks
from keras_similarity.serve import Explorer, Limits, Metrics, Service, run_server, served_indexes
from keras_similarity.serve.access_log import AccessLog
from keras_similarity.visualization.projection import project

DIM, LABELS = 64, 10


def build(folder, count):
    rng = np.random.default_rng(0)
    codes = rng.integers(LABELS, size=count)
    vectors = rng.normal(size=(LABELS, DIM))[codes].astype(np.float32) * 2
    vectors += rng.standard_normal(vectors.shape, np.float32)
    with ks.Index(DIM, store=folder) as index:
        index.add(vectors, codes)


def serve(folder, port):
    limits, metrics = Limits(), Metrics()
    service = Service(
        served_indexes([Path(folder)], limits, metrics),
        limits=limits,
        metrics=metrics,
        log=AccessLog(None),
        explorer=Explorer(lambda rows: project(rows, method="pca")),
    )
    run_server(service, port=port)


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build(sys.argv[2], int(sys.argv[3]))
    else:
        serve(sys.argv[2], int(sys.argv[3]))
