"""Fashion-MNIST's 10,000 test images by their main directions: real embeddings with real confusions."""

from functools import lru_cache

import numpy as np

DIRECTIONS = 24


@lru_cache(maxsize=1)
def fashion_embeddings(folder):
    """Rows `(10000, 24)` of small whole numbers, on which float32 distances are exact, and int64 labels."""
    images, labels = fashion_images(folder)
    flat, directions = _centred(images, images)
    return np.rint(flat @ directions[:, -DIRECTIONS:] / 64).astype(np.float32), labels.astype(np.int64)


def fashion_with_copies(folder, count, seed):
    """Rows `(10000 + count, 64)`, the last of which are noisy, lighter or darker near-copies; and their originals."""
    images, _ = fashion_images(folder)
    rng = np.random.default_rng(seed)
    originals = rng.choice(len(images), count, replace=False)
    lit = images[originals] * rng.uniform(0.85, 1.15, (count, 1, 1)) + rng.normal(size=(count, 28, 28)) * 20
    flat, directions = _centred(np.concatenate([images, np.clip(lit, 0, 255)]), images)
    return (flat @ directions[:, -64:]).astype(np.float32), originals


@lru_cache(maxsize=1)
def fashion_images(folder):
    with np.load(folder / "fashion_mnist_part2.npz") as file:
        return file["x_test"], file["y_test"]


def _centred(images, reference):
    """The images less the mean of the reference, flat, and the reference's main directions, the largest last."""
    known = reference.reshape(len(reference), -1).astype(np.float32)
    mean = known.mean(axis=0)
    directions = np.linalg.eigh((known - mean).T @ (known - mean))[1]
    return images.reshape(len(images), -1).astype(np.float32) - mean, directions
