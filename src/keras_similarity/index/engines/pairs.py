"""Distances of rows that an engine proposed, from the definition: the same numbers whoever proposed them."""

import numpy as np

from keras_similarity.core.distances import Distance
from keras_similarity.index.rows import Floats, Matrix, Positions

__all__ = ["WIDE_BYTES", "nearest_of", "pair_distances"]

WIDE_BYTES = 2**18  # of float64 rows at a time: they stay in the cache over the steps of a definition


def pair_distances(distance: Distance, matrix: Matrix, queries: Floats, rows: Positions) -> Floats:
    """Return the distance of each query to its rows `(q, m)`, +inf where a row is -1."""
    distances = np.empty(rows.shape, np.float32)
    step = max(1, WIDE_BYTES // (8 * max(1, rows.shape[1]) * queries.shape[1]))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        near = matrix.take(part.reshape(-1)).astype(np.float64).reshape(*part.shape, -1)
        distances[start : start + step] = distance.between(queries[start : start + step, None].astype(np.float64), near)
    if rows.min(initial=0) < 0:
        distances[rows < 0] = np.inf
    return distances


def nearest_of(
    distance: Distance, matrix: Matrix, queries: Floats, rows: Positions, k: int
) -> tuple[Positions, Floats]:
    """Return the k nearest of each query's proposed rows, equal ones in order; missing ones, -1 and +inf, last."""
    if len(queries) == 1 and rows[0, -1] >= 0:
        nearest, distances = _nearest_of_one(distance, matrix, queries[0], rows[0], k)
        return nearest[None], distances[None]
    distances = pair_distances(distance, matrix, queries, rows)
    order = np.lexsort((rows, distances))[:, :k]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _nearest_of_one(
    distance: Distance, matrix: Matrix, query: Floats, rows: Positions, k: int
) -> tuple[Positions, Floats]:
    """The same with as few NumPy calls as there can be: for one query these are what takes the time."""
    near = matrix.take(rows).astype(np.float64)
    distances = distance.between(query.astype(np.float64), near).astype(np.float32)
    order = np.lexsort((rows, distances))[:k]
    return rows[order], distances[order]
