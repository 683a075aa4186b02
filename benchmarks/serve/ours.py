"""Our server as a user starts it, with a key, limits, metrics and logs on."""

import os
import sys
import time
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
