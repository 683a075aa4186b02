"""Where walks of a graph begin: at the nearest of some rows from all over.

A graph's own upper levels lead one step at a time and never back: among many clusters some queries end in a wrong one,
and only a thorough walk gets out of it again. One product with the rows of a sample sees all clusters.
"""

import math

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.engines.spaces import Space
from keras_similarity.index.rows import Floats, Matrix, Positions

__all__ = ["Entries"]

MOST_NUMBERS = 2**19  # of the sample: for one query it is read as quickly as a walk goes
QUERIES = 1024  # whose scores are kept at a time


class Entries:
    """A sample of 4 √n rows, fewer where they are wide, one drawn from each stretch of the matrix.

    Args:
        matrix: The rows.
        space: How they are ordered.
    """

    def __init__(self, matrix: Matrix, space: Space) -> None:
        count = max(1, min(4 * math.isqrt(len(matrix)), MOST_NUMBERS // matrix.shape[1]))
        drawn = (np.arange(count) + np.random.default_rng(0).random(count)) * len(matrix) / count
        self._places = drawn.astype(np.int32)
        rows = matrix.take(self._places.astype(np.intp))
        rows = np.ascontiguousarray(rows if space.prepare is None else space.prepare(rows), np.float32)
        self._metric = space.metric
        # Scores are norms + factors · query: negated products, or squared distances but for the query's own norm.
        if self._metric == "inner_product":
            self._norms, self._factors = np.zeros(count, np.float32), -rows
        else:
            self._norms, self._factors = np.vecdot(rows, rows), -2.0 * rows

    def nearest(self, queries: Floats) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the row where the walk of each query begins, and its score as faiss reports it, two `(q,)`.

        Args:
            queries: `(q, d)`, as the engine takes them.
        """
        best = np.empty(len(queries), np.intp)
        scores = np.empty(len(queries), np.float32)
        for start in range(0, len(queries), QUERIES):
            part = slice(start, start + QUERIES)
            best[part] = (self._norms + queries[part] @ self._factors.T).argmin(axis=1)
            scores[part] = self._scores(queries[part], best[part])
        return self._places[best], scores

    def _scores(self, queries: Floats, best: Positions) -> Floats:
        """Return the score of each query and one of the sample, from its definition: it decides whether that is found.

        The product of `nearest` loses a short distance far from the origin.
        """
        if self._metric == "inner_product":
            return -np.vecdot(queries, self._factors[best])
        gaps = queries + self._factors[best] / 2
        return np.vecdot(gaps, gaps) if self._metric == "squared_euclidean" else np.abs(gaps).sum(axis=1)
