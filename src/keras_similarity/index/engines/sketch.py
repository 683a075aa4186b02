"""Rule most rows out by a few numbers each, exactly: one query then reads a fraction of the gallery.

A score is linear in the row, ⟨q, e⟩ · scale + bias. Split the space into the few directions that matter most in
the gallery and the rest: in the first the product is known, in the rest it is at least −|q_rest| |e_rest| (Cauchy
and Schwarz). So the lower bound of a score is itself one short dot product, and a row whose bound is above the k-th
best score cannot be among the k best.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["SKETCH_COLUMNS", "Sketch"]

Floats = NDArray[np.float32]
SKETCH_COLUMNS = 16  # 64 bytes a row: 14 directions, the norm of the rest, the bias
SAMPLE_ROWS = 512  # enough to find the directions
ROUNDING = 1e-5  # bounds are loosened by this much of the magnitudes involved, far above float32's error
STRIPE = 64  # rows a stripe, whose smallest bounds are found in one vectorised pass
FIRST = 64  # rows whose true scores set the limit for the rest
PATIENCE = 4  # useless queries before it is left alone
BLOCK_ROWS = 512  # (512, 16) products stay on the calling thread


class Sketch:
    """Lower bounds of the scores of a gallery.

    Args:
        rows: The gallery `(n, d)`, d > 14.
        scale: Factor per row, `(n,)`, positive; empty for 1.
        bias: Summand per row, `(n,)`; empty for 0.

    Cost: one product of the gallery with 14 directions; 64 bytes a row.
    """

    def __init__(self, rows: Floats, scale: Floats, bias: Floats) -> None:
        sample = rows[:: max(1, len(rows) // SAMPLE_ROWS)]
        directions = np.linalg.svd(sample, full_matrices=False)[2]
        self._directions = directions[: SKETCH_COLUMNS - 2].astype(np.float32)
        inside = rows @ self._directions.T
        norms, known = np.einsum("nd,nd->n", rows, rows), np.einsum("nd,nd->n", inside, inside)
        rest = np.sqrt(np.maximum(norms - known, 0) + ROUNDING * norms)
        blocks = -(-len(rows) // BLOCK_ROWS)
        columns = np.zeros((blocks * BLOCK_ROWS, SKETCH_COLUMNS), np.float32)
        columns[: len(rows), : len(self._directions)] = inside
        columns[: len(rows), -2] = rest
        if len(scale):
            columns[: len(rows), :-1] *= scale[:, None]
        if len(bias):
            columns[: len(rows), -1] = bias
        columns[len(rows) :, -1] = np.inf  # what fills the last block is never near
        # A column of a block is contiguous: the product runs down columns at full vector width.
        self._columns = np.ascontiguousarray(columns.reshape(blocks, BLOCK_ROWS, -1).transpose(0, 2, 1))
        self.count = len(rows)
        self._useless = 0  # queries in a row that it could not answer from a part of the rows

    @property
    def pays(self) -> bool:
        """Whether it ruled enough out lately; data without main directions defeat it."""
        return self._useless < PATIENCE

    def unruled(
        self,
        query: Floats,
        square: float,
        k: int,
        score: Callable[[NDArray[np.intp]], Floats],
        rounding: float,
        hidden: NDArray[np.intp],
    ) -> NDArray[np.intp] | None:
        """Return the rows that can be among the k nearest, ascending, or None where too few are left to tell.

        Args:
            query: A transformed query `(d,)`.
            square: Its squared norm.
            k: ≥ 1.
            score: Row numbers -> their true scores.
            rounding: How far apart two scores can be while rounding alone orders them.
            hidden: Rows that must not be found, ascending.
        """
        bounds = self.lower_bounds(query, square)
        if len(hidden):
            bounds[hidden[: np.searchsorted(hidden, self.count)]] = np.inf
        # The rows of lowest bound are looked at first: the k-th best of their scores rules the others out.
        minima = bounds.reshape(STRIPE, -1).min(axis=0)
        first = max(k, FIRST)
        if first > len(minima):
            return None
        minima.partition(first - 1)
        limit = minima[first - 1]
        if limit == np.inf:
            return None
        scores = score((bounds <= limit).nonzero()[0])
        scores.partition(k - 1)
        rows = (bounds <= scores[k - 1] + rounding).nonzero()[0]
        self._useless = 0 if len(rows) < self.count // 8 else self._useless + 1
        return rows

    def lower_bounds(self, query: Floats, square: float) -> Floats:
        """Return numbers below the scores of all rows, `(n,)`, and infinities after them."""
        inside = self._directions @ query
        rest = math.sqrt(max(square - float(inside @ inside), 0.0) + ROUNDING * square)
        short = np.zeros(SKETCH_COLUMNS, np.float32)
        short[: len(inside)] = inside
        short[-2:] = -rest, 1.0
        return np.matmul(short, self._columns).reshape(-1)
