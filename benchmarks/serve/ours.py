"""Our server as a user starts it, with a key, limits, metrics and logs on."""

import os
import subprocess
import sys
import time
from pathlib import Path

from vectors import clustered

import keras_similarity as ks
from keras_similarity.embed.parquet import VectorBatch, write_batches
from keras_similarity.serve import ApiKeys, Limits, Metrics, Service, run_server, served_indexes

COMMAND = Path(sys.executable).with_name("keras-similarity")


def build(folder, count):
    """As a user does, with `index build`: where there are rows enough, it leaves a graph too."""
    vectors = Path(f"{folder}.parquet")
    write_batches(_batches(count), vectors, 64)
    command = [COMMAND, "index", "build", vectors, folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    vectors.unlink()


def _batches(count, size=50_000):
    rows = clustered(count, 64)
    for start in range(0, count, size):
        ids = range(start, min(start + size, count))
        yield VectorBatch(rows[start : start + size], list(ids), [f"c{row % 100}" for row in ids], None)


def build_model(path):
    """The seed program's model, as it is before training: what it computes takes as long."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    from keras import layers

    sys.path.append(str(Path(__file__).parents[1] / "journey"))
    from seed_model import seed_layers

    ks.models.SimilarityModel(*seed_layers(layers, ks.layers.MetricEmbedding)).save(path)


def predict(path, batch_size, count=8192):
    """Images per second of the model's own `predict`, and its CPU µs an image."""
    import numpy as np

    model = ks.models.load_model(path, compile=False)
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1)).astype(np.float32)
    model.predict(images[: 4 * batch_size], batch_size=batch_size, verbose=0)
    started, before = time.perf_counter(), time.process_time()
    model.predict(images, batch_size=batch_size, verbose=0)
    print(count / (time.perf_counter() - started), (time.process_time() - before) / count * 1e6)


def serve(folder, port, key, model=None):
    from keras_similarity.cli.serve import encoder_loader

    limits, metrics = Limits(), Metrics()
    service = Service(
        served_indexes([Path(folder)], limits, metrics), keys=ApiKeys([key]), limits=limits, metrics=metrics
    )
    run_server(service, port=port, load_encoder=encoder_loader(model and Path(model)))


if __name__ == "__main__":
    command, path, *more = sys.argv[1:]
    if command == "build":
        build(path, int(more[0]))
    elif command == "model":
        build_model(path)
    elif command == "predict":
        predict(path, int(more[0]))
    else:
        serve(path, int(more[0]), *more[1:])
