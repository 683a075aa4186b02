"""Distances as approximate engines know them: an order by inner product, squared Euclidean or Manhattan distance.

An engine only proposes rows; their distances are computed anew from the definition. So it is enough that it orders
rows as the distance does, over rows prepared for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.index.rows import PART_ROWS, Floats, Matrix

__all__ = ["Space", "prepared", "space_of", "training_rows"]

# How far a squared norm may be from 1 for rows to count as unit rows: as far as rounding takes it.
UNIT = {"float32": 2e-6, "float16": 1e-3}


@dataclass(frozen=True, slots=True)
class Space:
    """A way to order rows.

    Args:
        metric: "inner_product" (largest first), "squared_euclidean" or "manhattan".
        prepare: Rows -> the rows to give to the engine; None for the rows themselves.
        prepare_queries: The same for queries.
        fits: Rows and a tolerance -> whether they are already as `prepare` would make them.
    """

    metric: str
    prepare: Callable[[Floats], Floats] | None = None
    prepare_queries: Callable[[Floats], Floats] | None = None
    fits: Callable[[Floats, float], bool] | None = None

    def queries(self, queries: Floats) -> Floats:
        """Return queries as the engine takes them."""
        return queries if self.prepare_queries is None else self.prepare_queries(queries)

    def is_plain(self, matrix: Matrix) -> bool:
        """Whether the engine can use the rows of a matrix as they are."""
        if self.prepare is None:
            return True
        if self.fits is None:
            return False
        starts, tolerance = range(0, len(matrix), PART_ROWS), UNIT[matrix.dtype.name]
        return all(self.fits(matrix.part(start, start + PART_ROWS), tolerance) for start in starts)


def _unit(rows: Floats) -> Floats:
    return rows / np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]


def _centred(rows: Floats) -> Floats:
    return rows - rows.mean(axis=1, keepdims=True)


def _are_unit(rows: Floats, tolerance: float) -> bool:
    return bool(np.abs(np.einsum("nd,nd->n", rows, rows) - 1).max(initial=0) < tolerance)


SPACES = {
    "cosine": Space("inner_product", _unit, None, _are_unit),  # the length of a query orders nothing
    "euclidean": Space("squared_euclidean"),
    "squared_euclidean": Space("squared_euclidean"),
    "inner_product": Space("inner_product"),
    "manhattan": Space("manhattan"),
    "snr": Space("squared_euclidean", _centred, _centred),
}


def space_of(distance: Distance) -> Space | None:
    """Return how an engine orders rows by a distance, or None for a distance of the user's own."""
    known = distance.name in SPACES and get_distance(distance.name) is distance
    return SPACES[distance.name] if known else None


def prepared(matrix: Matrix, space: Space, step: int) -> Iterator[Floats]:
    """Return the rows as an engine takes them, `step` at a time."""
    for start in range(0, len(matrix), step):
        rows = matrix.part(start, start + step)
        yield np.ascontiguousarray(rows if space.prepare is None else space.prepare(rows))


def training_rows(matrix: Matrix, space: Space, count: int) -> Floats:
    """Return about `count` rows from all over the matrix, as an engine takes them."""
    rows = matrix.take(np.unique(np.linspace(0, len(matrix) - 1, min(count, len(matrix))).astype(np.intp)))
    return np.ascontiguousarray(rows if space.prepare is None else space.prepare(rows))
