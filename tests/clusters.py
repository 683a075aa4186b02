"""Rows in clusters, as embeddings are, and how many of their neighbours a search found."""

import numpy as np

DIM = 16


def clustered(rng, count):
    centres = np.random.default_rng(5).normal(size=(30, DIM))
    return (centres[rng.integers(0, 30, count)] + 0.4 * rng.normal(size=(count, DIM))).astype(np.float32)


def near(result, truth):
    """The share of found neighbours that are as near as the k-th true one."""
    return float((result.distances <= truth.distances[:, -1:] + 1e-5 * np.abs(truth.distances[:, -1:])).mean())
