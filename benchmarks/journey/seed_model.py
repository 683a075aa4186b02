"""The model and the data of the program that started this project, for either library."""

import gzip
import os
from pathlib import Path

import numpy as np

INDEXED = 60_000
BATCH = (10, 8)  # classes, examples of each


def mnist():
    folder = Path(os.environ["KERAS_SIMILARITY_DATA"], "mnist")
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    with gzip.open(folder / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images[:INDEXED], labels[:INDEXED].astype(np.int64)


def seed_layers(layers, metric_embedding):
    inputs = layers.Input(shape=(28, 28, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    return inputs, metric_embedding(64)(x)
