"""An order of many queries in which those near each other follow: the rows their walks read are in the cache then."""

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import LEAST_SQUARE
from keras_similarity.index.rows import Floats, Matrix, Positions

__all__ = ["near_first"]

LANDMARKS = 32  # rows that queries are grouped by: more of them cost more than they save
LEAST_QUERIES = 64
CACHE_BYTES = 2**24  # rows that all stay in the cache are read as quickly in any order


def near_first(matrix: Matrix, queries: Floats) -> Positions | None:
    """Return the numbers of queries, grouped by the landmark whose direction is theirs; None where any order will do.

    Args:
        matrix: The rows that are searched; some of them are the landmarks.
        queries: `(q, d)`.
    """
    count, width = matrix.shape
    if len(queries) < LEAST_QUERIES or 4 * count * width <= CACHE_BYTES:
        return None
    rows = matrix.take(np.linspace(0, count - 1, LANDMARKS).astype(np.intp)).astype(np.float32)
    landmarks = rows / np.sqrt(np.maximum(np.vecdot(rows, rows), LEAST_SQUARE))[:, None]
    nearest: NDArray[np.intp] = (queries @ landmarks.T).argmax(axis=1)
    return np.argsort(nearest, kind="stable")
