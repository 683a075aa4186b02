"""Fashion-MNIST by its 64 main directions: 60,000 items and 10,000 queries, the same file for every process."""

import os
from pathlib import Path

import numpy as np

DIRECTIONS = 64


def images():
    """The 70,000 images, flat, in float32, and their labels; the last 10,000 are the queries."""
    folder = Path(os.environ["KERAS_SIMILARITY_DATA"])
    with np.load(folder / "fashion_mnist_part1.npz") as one, np.load(folder / "fashion_mnist_part2.npz") as two:
        pictures = np.concatenate([one["x_train"], two["x_train"], two["x_test"]])
        labels = np.concatenate([one["y_train"], two["y_train"], two["y_test"]])
    return pictures.reshape(len(pictures), -1).astype(np.float32), labels.astype(np.int64)


def directions(flat):
    """The mean and the main directions."""
    mean = flat.mean(axis=0)
    return mean, np.linalg.eigh((flat - mean).T @ (flat - mean))[1][:, -DIRECTIONS:]


def write(path):
    """Embeddings and labels as one file without pickle."""
    flat, labels = images()
    mean, main = directions(flat[:60_000])
    rows = ((flat - mean) @ main).astype(np.float32)
    np.savez(path, gallery=rows[:60_000], queries=rows[60_000:], labels=labels[:60_000], query_labels=labels[60_000:])


def read(path):
    with np.load(path) as file:
        return file["gallery"], file["labels"], file["queries"], file["query_labels"]
