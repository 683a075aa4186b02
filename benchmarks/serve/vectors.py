"""Vectors like a trained model's: a hundred clusters."""

import numpy as np


def clustered(count, dim, *, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(100, dim)).astype(np.float32)
    rows = np.empty((count, dim), np.float32)
    for start in range(0, count, 100_000):  # a million rows at once would take gigabytes on the way
        part = np.arange(start, min(start + 100_000, count))
        rows[part] = centres[part % 100] + 0.35 * rng.normal(size=(len(part), dim)).astype(np.float32)
    return rows
