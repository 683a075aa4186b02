"""Where the relevant items stand in a ranking: the one form that every retrieval metric is computed from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RelevantRanks", "counts_within", "discount", "ranks_of"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RelevantRanks:
    """The ranks that relevant items take, as flat entries sorted by query, then by rank.

    Every metric is a sum over entries, so that a ranking may come from a list of neighbours or from distances alone.
    Without ties an entry is a relevant item. Where items at one distance are averaged over their possible orders, an
    entry is a rank of such a group, and what it holds are chances and expected values.

    Args:
        query: Which query, `(m,)`.
        rank: From 1, `(m,)`.
        nth: How many relevant items stand up to this rank, `(m,)`, where a relevant one stands at it.
        weight: The chance that the item at this rank is relevant, `(m,)`; 1 without ties.
        first: The chance that it is the query's first relevant item, `(m,)`.
        gain: Its expected gain, `(m,)`: `weight` where relevance is yes or no.
        relevant: How many relevant items the gallery holds, `(q,)`, each ≥ 1.
        ideal: Depths `(q,)` -> the discounted gain of the best possible ranking up to there, `(q,)`.
    """

    query: NDArray[np.intp]
    rank: Whole
    nth: Floats
    weight: Floats
    first: Floats
    gain: Floats
    relevant: Whole
    ideal: Callable[[Whole], Floats]

    def sum_within(self, values: Floats, depths: Whole) -> Floats:
        """Sum `values` `(m,)` of the entries up to each query's depth, `(q,)`."""
        counts = np.bincount(self.query, minlength=len(depths))
        held = np.flatnonzero(counts)
        sums = np.zeros(len(depths))
        if len(held):
            inside = values * (self.rank <= np.repeat(depths, counts))
            sums[held] = np.add.reduceat(inside, (np.cumsum(counts) - counts)[held])
        return sums


def ranks_of(
    gains: NDArray[np.floating] | NDArray[np.bool_], relevant: Whole, ideal: Callable[[Whole], Floats] | None = None
) -> RelevantRanks:
    """Find the relevant items in lists of neighbours.

    Args:
        gains: The gain of the neighbour at each rank, `(q, k)`, nearest first; 0 or False for an irrelevant one.
        relevant: How many relevant items the gallery holds, `(q,)`.
        ideal: See `RelevantRanks`; None where every relevant item gains 1.
    """
    query, column = np.nonzero(gains)
    counts = np.bincount(query, minlength=len(gains))
    before = np.cumsum(counts) - counts
    nth = np.arange(1, len(query) + 1) - before[query]
    ones = np.ones(len(query))
    gain = ones if gains.dtype == bool else gains[query, column].astype(np.float64)
    return RelevantRanks(
        query,
        column + 1,
        nth.astype(np.float64),
        ones,
        (nth == 1).astype(np.float64),
        gain,
        relevant,
        ideal or (lambda depths: discount(np.minimum(depths, relevant))),
    )


def discount(depths: Whole) -> Floats:
    """Return Σ 1 / log2(1 + rank) over the ranks up to each depth."""
    table = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, int(depths.max(initial=0)) + 2)))])
    return table[depths]


def counts_within(sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return 0, 1, …, size − 1 for each size, one after the other.

    Example:
        >>> counts_within(np.array([2, 0, 3])).tolist()
        [0, 1, 0, 1, 2]
    """
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
