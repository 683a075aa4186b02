"""What is searched: Fashion-MNIST's pixels, embeddings of a trained model, and clusters."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

TRAIN_STEPS = 60


def pixels(count):
    """Rows `(count, 784)` and 1,000 test images."""
    folder = Path(os.environ["KERAS_SIMILARITY_DATA"])
    parts = [np.load(folder / f"fashion_mnist_part{number}.npz") for number in (1, 2)]
    images = np.concatenate([part[name] for part in parts for name in part.files if name.startswith("x_train")])
    flat = images.reshape(len(images), -1).astype(np.float32)
    return flat[:count], parts[1]["x_test"][:1000].reshape(1000, -1).astype(np.float32)


def clusters(count, queries=1000, dim=64):
    """Rows and queries around 1,000 centres, all of norm 1."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(1000, dim)).astype(np.float32) / np.sqrt(dim)
    rows = np.empty((count + queries, dim), np.float32)
    for start in range(0, len(rows), 2**16):
        size = min(2**16, len(rows) - start)
        noise = rng.normal(size=(size, dim)).astype(np.float32) * (0.6 / np.sqrt(dim))
        rows[start : start + size] = centres[rng.integers(0, 1000, size)] + noise
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[:count], rows[count:]


def trained(count):
    """Embeddings `(count, 64)` of MNIST by the seed program's model, and of 1,000 other images."""
    path = Path(os.environ["INDEX_BENCHMARK_FOLDER"], "trained.npy")
    if not path.exists():
        subprocess.run([sys.executable, __file__, str(path)], check=True, env=os.environ | {"KERAS_BACKEND": "jax"})
    rows = np.load(path)
    return rows[: min(count, len(rows) - 1000)], rows[-1000:]


def train(path):
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import keras
    from journey.seed_model import BATCH, mnist, seed_layers

    import keras_similarity as ks

    images, labels = mnist()
    known = len(images) - 1000
    model = ks.SimilarityModel(*seed_layers(keras.layers, ks.layers.MetricEmbedding))
    model.compile("adam", loss=ks.losses.MultiSimilarityLoss())
    sampler = ks.samplers.MultiShotMemorySampler(
        images[:known], labels[:known], classes_per_batch=BATCH[0], examples_per_class_per_batch=BATCH[1], seed=0,
        steps_per_epoch=TRAIN_STEPS,
    )  # fmt: skip
    model.fit(sampler, epochs=1, verbose=0)
    np.save(path, model.embed(images))


if __name__ == "__main__":
    train(sys.argv[1])
