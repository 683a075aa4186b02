"""From the distances of every item to the ranks of the relevant ones, without sorting more than has to be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.evaluate.ranks import RelevantRanks, ranks_of
from keras_similarity.evaluate.relevance import Relevance
from keras_similarity.evaluate.tied_ranks import tied_ranks

__all__ = ["NO_ROW", "Ranker"]

NO_ROW = -1

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


class Ranker:
    """Ranks a gallery for queries.

    Args:
        related: Who is relevant to whom.
        codes: The code of each item's label, `(n,)`.
        own: The row that each query is itself, `(q,)`, -1 for none.
        depth: How many ranks matter.
        average: Whether items at one distance are averaged over their orders; else they stand in that of the gallery.
    """

    def __init__(self, related: Relevance, codes: NDArray[np.int32], own: Rows, depth: int, *, average: bool) -> None:
        self._related = related
        self._codes = codes
        self._own = own
        self._depth = depth
        self._average = average
        self._worth = bool if related.equal else np.float64
        self._last: tuple[int, NDArray[Any]] | None = None

    def by_class(self, queries: Rows) -> Rows:
        """Order queries so that those of one class follow each other, whose gains are then found once."""
        return queries[np.argsort(self._related.codes[queries], kind="stable")]

    def ranks(self, queries: Rows, distances: Floats) -> RelevantRanks:
        """Return the ranks of the relevant items, from distances `(p, n)`, which are changed."""
        relevant, ideal = self._related.relevant[queries], self._related.ideal(queries)
        found = [self._nearest(query, row) for query, row in zip(queries.tolist(), distances, strict=True)]
        if self._average:
            return tied_ranks([near for near, _ in found], [gains for _, gains in found], relevant, ideal)
        gains = np.zeros((len(queries), self._depth), self._worth)
        for row, (_, values) in zip(gains, found, strict=True):
            row[: len(values)] = values[: self._depth]
        return ranks_of(gains, relevant, ideal)

    def _nearest(self, query: int, distances: Floats) -> tuple[Floats, NDArray[Any]]:
        """Return the distances and gains of the nearest items, all of those at the distance of the last."""
        own = int(self._own[query])
        if own != NO_ROW:
            distances[own] = np.inf
        depth = min(self._depth, len(distances) - (own != NO_ROW))
        if depth < len(distances):
            rows = np.flatnonzero(distances <= np.partition(distances, depth - 1)[depth - 1])
        else:
            rows = np.arange(len(distances))
        rows = rows[rows != own] if own != NO_ROW else rows
        rows = _ordered(distances[rows], rows)
        return distances[rows], self._gains(query)[rows]

    def _gains(self, query: int) -> NDArray[Any]:
        """Return what each row of the gallery is worth to a query, `(n,)`."""
        code = int(self._related.codes[query])
        if self._last is None or self._last[0] != code:
            answers, gains = self._related.answers(query)
            worth = np.zeros(int(self._codes.max(initial=0)) + 2, self._worth)
            worth[answers] = gains
            self._last = code, worth[self._codes]
        return self._last[1]


def _ordered(distances: Floats, rows: Rows) -> Rows:
    """Return rows by distance, and by number where distances are equal."""
    bits = (distances + np.float32(0)).view(np.int32).astype(np.int64)  # + 0 turns -0 into 0
    # The bits of floats order as the floats do, once those of negative ones are turned around.
    keys = ((bits ^ ((bits >> 31) & 0x7FFFFFFF)) << 32) | rows
    keys.sort()
    return keys & 0xFFFFFFFF
