"""What a distance's dot form needs of each row beside its product with the query, kept as rows come."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import DotForm
from keras_similarity.index.rows import PART_ROWS, Floats, Matrix, Positions

__all__ = ["Terms"]

EPSILON = float(np.finfo(np.float32).eps)
EMPTY = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Scale and bias of rows, and how far rounding can move a score made with them.

    Args:
        count: How many rows these terms are of.
        scale: Factor per row, empty for 1.
        bias: Summand per row, empty for 0.
        largest_row: Of norm times scale.
        largest_bias: In absolute value.
    """

    count: int = 0
    scale: Floats = field(default_factory=lambda: EMPTY)
    bias: Floats = field(default_factory=lambda: EMPTY)
    largest_row: float = 0.0
    largest_bias: float = 0.0

    def of_more(self, matrix: Matrix, dots: DotForm) -> "Terms":
        """Return the terms of all rows of a matrix, of which these are the terms of the first."""
        scales, biases = [self.scale], [self.bias]
        largest_row, largest_bias = self.largest_row, self.largest_bias
        for start in range(self.count, len(matrix), PART_ROWS):
            part = matrix.part(start, start + PART_ROWS)
            sizes = np.sqrt(np.einsum("nd,nd->n", part, part))
            if dots.row_scale is not None:
                scales.append(dots.row_scale(part).astype(np.float32, copy=False))
                sizes *= scales[-1]
            if dots.row_bias is not None:
                biases.append(dots.row_bias(part).astype(np.float32, copy=False))
                largest_bias = max(largest_bias, float(np.abs(biases[-1]).max()))
            largest_row = max(largest_row, float(sizes.max()))
        return Terms(len(matrix), np.concatenate(scales), np.concatenate(biases), largest_row, largest_bias)

    def of(self, rows: Positions) -> "Terms":
        """Return the terms of some rows."""
        scale = self.scale[rows] if len(self.scale) else EMPTY
        bias = self.bias[rows] if len(self.bias) else EMPTY
        return Terms(len(rows), scale, bias, self.largest_row, self.largest_bias)

    def scored(self, products: Floats, rows: slice | NDArray[np.intp]) -> Floats:
        """Turn products of queries with the chosen rows into scores, in place."""
        if len(self.scale):
            products *= self.scale[rows]
        if len(self.bias):
            products += self.bias[rows]
        return products

    def rounding(self, norm: Any, dim: int) -> Any:
        """Return how far apart two scores can be while rounding alone orders them, for queries of these norms."""
        # A vectorised sum of d products: chains of d / 16, and the steps that join them.
        return 2 * EPSILON * (dim / 16 + 8) * (norm * self.largest_row + self.largest_bias)
