"""What evaluation asks of an index, and searches that leave items out: a query's own, or whole classes."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_same_length
from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import MISSING_ID
from keras_similarity.core.results import Record, SearchResult

__all__ = [
    "BLOCK_NEIGHBORS",
    "DEEPENING",
    "LabeledIndex",
    "as_query_ids",
    "check_no_nan",
    "pick_columns",
    "search_others",
    "search_without",
]

BLOCK_NEIGHBORS = 2**22  # neighbours looked at in one go: some 100 MB of columns
DEEPENING = 4  # how many times more neighbours the next search asks for where too many were left out
Ids = NDArray[Any] | None


class LabeledIndex(Protocol):
    """What evaluation asks of an index.

    Example:
        >>> from keras_similarity import Index
        >>> index: LabeledIndex = Index(1, "euclidean")  # as is an index in a database
        >>> ids = index.add([[0.0], [1.0], [5.0]], ["a", "a", "b"])
        >>> index.label_counts(["a", "b", "c"]).tolist(), str(index.distance), len(index)
        ([2, 1, 0], 'euclidean', 3)
    """

    @property
    def distance(self) -> Distance:
        """What its distances are."""
        ...

    def search(self, queries: Any, k: int, *, exact: bool = False) -> SearchResult:
        """Return the k nearest items of each query, by looking at every row if `exact`."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what it is; under "engine" what answers searches, whose "engine" is its name, such as "exact"."""
        ...

    def label_counts(self, labels: Any) -> NDArray[np.int64]:
        """Return how many items carry each label."""
        ...

    def contains(self, ids: Any) -> NDArray[np.bool_]:
        """Return which of some ids are those of items."""
        ...

    def __len__(self) -> int:
        """Return how many items it holds."""
        ...


def as_query_ids(ids: Any, count: int) -> Ids:
    """Return the queries' own ids `(q,)` in an array that compares with a result's, or None for none."""
    if ids is None:
        return None
    values = list(ids) if isinstance(ids, Sequence) else as_array(ids).tolist()
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    check_same_length(count, values, name="ids", what="queries")
    if all(type(value) is int for value in values):
        return np.array(values, np.int64)
    table = np.empty(len(values), object)
    table[:] = values
    return table


def check_no_nan(result: SearchResult) -> None:
    """Raise a ValueError for neighbours whose order means nothing."""
    if np.isnan(result.distances).any():
        row = int(np.isnan(result.distances).any(axis=1).argmax())
        raise ValueError(
            f"`result` needs distances that are numbers: row {row} holds NaN.\n"
            "  Check the embeddings of this query and of its neighbours."
        )


def search_others(index: LabeledIndex, queries: NDArray[np.float32], k: int, ids: Ids) -> SearchResult:
    """Find the k nearest items of each query, other than the query itself.

    Args:
        index: Where to search.
        queries: Rows `(q, d)`.
        k: ≥ 1.
        ids: The id of each query's own item `(q,)`; None where the index holds none of them.
    """
    if ids is None:
        return index.search(queries, k)
    result = index.search(queries, k + 1)
    itself = np.asarray(result.ids == ids[:, None]).astype(bool)
    # Where the own item was not found, the last column goes.
    column = np.where(itself.any(axis=1), itself.argmax(axis=1), k)
    kept = np.arange(k) + (np.arange(k) >= column[:, None])
    return pick_columns(result, np.arange(len(queries)), kept)


def search_without(
    index: LabeledIndex, queries: NDArray[np.float32], k: int, ids: Ids, hidden: Sequence[Hashable]
) -> SearchResult:
    """Find the k nearest items of each query, as if the index did not hold the `hidden` labels.

    Cost: a search that deepens until k others are found: as deep as a query has hidden items nearby.
    """
    if not hidden:
        return search_others(index, queries, k, ids)
    total, depth = len(index), max(k, min(len(index), DEEPENING * k))
    pieces: list[tuple[NDArray[np.intp], SearchResult]] = []
    waiting = np.arange(len(queries))
    while len(waiting):
        left: list[NDArray[np.intp]] = []
        for rows in np.array_split(waiting, -(-len(waiting) * depth // BLOCK_NEIGHBORS)):
            result = search_others(index, queries[rows], depth, None if ids is None else ids[rows])
            covered = _is_among(result.labels, hidden)
            done = ((~covered).sum(axis=1) >= k) | (depth >= total)
            # A stable sort moves the others to the front, in their order; what is missing counts among them.
            columns = np.argsort(covered[done], axis=1, kind="stable")[:, :k]
            pieces.append((rows[done], pick_columns(result, np.flatnonzero(done), columns)))
            left.append(rows[~done])
        waiting = np.concatenate(left)
        depth = max(k, min(total, DEEPENING * depth))
    return _blanked(_joined(pieces, len(queries)), hidden)


def pick_columns(result: SearchResult, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> SearchResult:
    """Return the given columns `(p, j)` of the given rows `(p,)`."""
    at = rows[:, None], columns
    return replace(
        result,
        ids=result.ids[at],
        distances=result.distances[at],
        labels=result.labels[at],
        fetch=lambda row, column: result.fetch(int(rows[row]), int(columns[row, column])),
    )


def _is_among(labels: NDArray[Any], hidden: Sequence[Hashable]) -> NDArray[np.bool_]:
    if labels.dtype != object:
        return np.isin(labels, [label for label in hidden if isinstance(label, int)])
    members = set(hidden)
    return np.fromiter((label in members for label in labels.ravel().tolist()), bool, labels.size).reshape(labels.shape)


def _joined(pieces: list[tuple[NDArray[np.intp], SearchResult]], count: int) -> SearchResult:
    """Put the rows of several results back in the order of the queries."""
    order = np.empty(count, np.intp)
    order[np.concatenate([rows for rows, _ in pieces])] = np.arange(count)
    results = [result for _, result in pieces]
    starts = np.cumsum([0, *(len(result) for result in results)])

    def fetch(row: int, column: int) -> Record:
        place = int(order[row])
        piece = int(np.searchsorted(starts, place, side="right")) - 1
        return results[piece].fetch(place - int(starts[piece]), column)

    columns = {
        name: np.concatenate([getattr(result, name) for result in results])[order]
        for name in ("ids", "distances", "labels")
    }
    return replace(results[0], **columns, fetch=fetch)


def _blanked(result: SearchResult, hidden: Sequence[Hashable]) -> SearchResult:
    """Mark the hidden items that are left, where there were fewer than k others, as missing neighbours."""
    covered = _is_among(result.labels, hidden)
    if not covered.any():
        return result
    ids, labels = result.ids.copy(), result.labels.astype(object)
    ids[covered] = None if ids.dtype == object else MISSING_ID
    labels[covered] = None
    return replace(result, ids=ids, labels=labels, distances=np.where(covered, np.float32(np.inf), result.distances))
