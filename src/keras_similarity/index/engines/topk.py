"""The k smallest of each row, quickly: most of a long row is ruled out by the minima of a few stripes."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["smallest", "smallest_columns"]

# Columns a stripe, each `stripes` apart: their minima are one vectorised pass at memory speed, if there are many.
LEAST_STRIPE, MOST_STRIPE = 8, 64


def smallest_columns(values: NDArray[np.floating], k: int) -> NDArray[np.intp]:
    """Return the columns `(q, k)` of the k smallest values of each row, ascending, ties by column.

    Args:
        values: Floats `(q, n)`, +inf for columns that must not be chosen.
        k: 1 ≤ k ≤ n.

    Cost: O(q n) for one pass, then O(q k) where n is much larger than k.
    """
    count, columns = values.shape
    stripe = _stripe(columns, k)
    stripes = columns // stripe
    if k >= stripes:
        return smallest(values, k)
    # The k smallest lie in the k stripes of smallest minimum, or among the few columns past the last stripe.
    minima = values[:, : stripes * stripe].reshape(count, stripe, stripes).min(axis=1)
    chosen = np.argpartition(minima, k - 1, axis=1)[:, :k]
    inside = (chosen[:, None, :] + np.arange(stripe)[:, None] * stripes).reshape(count, -1)
    tail = np.broadcast_to(np.arange(stripes * stripe, columns), (count, columns - stripes * stripe))
    candidates = np.concatenate([inside, tail], axis=1)
    near = np.take_along_axis(values, candidates, axis=1)
    best = np.argpartition(near, k - 1, axis=1)[:, :k]
    return _ordered(np.take_along_axis(candidates, best, axis=1), np.take_along_axis(near, best, axis=1))


def _stripe(columns: int, k: int) -> int:
    """Return the power of two with the least to choose among: minima, and then the columns of k stripes."""
    return min(max(1 << round(math.log2(columns / k) / 2), LEAST_STRIPE), MOST_STRIPE)


def smallest(values: NDArray[np.floating], k: int) -> NDArray[np.intp]:
    """Return what `smallest_columns` does, for short rows."""
    if k == values.shape[1]:
        return np.argsort(values, axis=1, kind="stable")
    chosen = np.argpartition(values, k - 1, axis=1)[:, :k]
    return _ordered(chosen, np.take_along_axis(values, chosen, axis=1))


def _ordered(columns: NDArray[np.intp], values: NDArray[np.floating]) -> NDArray[np.intp]:
    return np.take_along_axis(columns, np.lexsort((columns, values)), axis=1)
