"""Our server as a user starts it, with a key, limits, metrics and logs on."""

import sys
from pathlib import Path

from vectors import clustered

import keras_similarity as ks
from keras_similarity.serve import ApiKeys, Limits, Metrics, Service, run_server, served_indexes


def build(folder, count):
    with ks.Index(64, store=folder) as index:
        rows = clustered(count, 64)
        for start in range(0, count, 50_000):
            part = rows[start : start + 50_000]
            index.add(part, [f"c{row % 100}" for row in range(start, start + len(part))])


def serve(folder, port, key):
    limits, metrics = Limits(), Metrics()
    service = Service(
        served_indexes([Path(folder)], limits, metrics), keys=ApiKeys([key]), limits=limits, metrics=metrics
    )
    run_server(service, port=port)


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build(sys.argv[2], int(sys.argv[3]))
    else:
        serve(sys.argv[2], int(sys.argv[3]), sys.argv[4])
