"""What can be asked of an index: neighbours, records, counts. Nothing here changes it."""

import itertools
import threading
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length
from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import Ids, as_ids, id_list, is_id
from keras_similarity.core.results import Record, SearchResult
from keras_similarity.index.builder import Builder
from keras_similarity.index.filters import Filters
from keras_similarity.index.ids import missing_id
from keras_similarity.index.items import Space
from keras_similarity.index.rows import Positions, Rows, as_float32
from keras_similarity.index.searching import (
    as_result,
    check_depth,
    check_max_distance,
    nearest_rows,
    within,
    without,
)

__all__ = ["IndexArrays", "Readable"]

QUERY_BLOCK = 4096  # queries searched at a time: beside the result, memory stays the same for any number


class IndexArrays(NamedTuple):
    """Every item of an index at one moment, in the order they were added.

    Args:
        ids: `(n,)`, int64, or objects where one is a string.
        codes: Position of each item's label in `labels`, `(n,)`, -1 for none.
        labels: The distinct labels.
        embeddings: `(n, d)` float32, to read only.
        generation: The index's at that moment.
    """

    ids: NDArray[Any]
    codes: NDArray[np.int32]
    labels: list[Hashable]
    embeddings: NDArray[np.float32]
    generation: int


class Readable:
    """The reading half of `Index`."""

    dim: int
    distance: Distance
    storage: str
    _space: Space
    _store: Any
    _filters: Filters
    _builder: Builder
    _lock: threading.RLock

    def __len__(self) -> int:
        return self._store.rows.live_count

    def __contains__(self, item_id: object) -> bool:
        return bool(self.contains([item_id])[0])

    def __iter__(self) -> Iterator[int | str]:
        """Return the ids, in the order their items were added."""
        rows = self._store.rows
        return iter(rows.ids[rows.live_positions()].tolist())

    def __repr__(self) -> str:
        return f"<Index: {len(self)} items, dim {self.dim}, {self.distance} distance>"

    @property
    def generation(self) -> int:
        """A number that grows with every change that a search can see; what was read under it stays true."""
        return self._store.rows.generation

    def contains(self, ids: Any) -> NDArray[np.bool_]:
        """Return which of `ids` the index holds, `(n,)`: what `id in index` says of each, at the cost of one look.

        Example:
            >>> from keras_similarity import Index
            >>> index = Index(1, "euclidean")
            >>> ids = index.add([[0.0], [1.0]], ids=["a", 7])
            >>> index.contains(["a", "b", 7, None]).tolist()
            [True, False, True, False]
        """
        values = id_list(ids)
        proper = [is_id(value) for value in values]
        known = list(dict.fromkeys(itertools.compress(values, proper)))
        held = set(itertools.compress(known, self._held(as_ids(known)))) if known else set()
        return np.array([own and value in held for value, own in zip(values, proper, strict=True)], bool)

    def get(self, ids: Any) -> list[Record]:
        """Return the records of `ids`, in their order.

        Raises:
            UnknownIdError: the index holds no such id; a `KeyError` too.
        """
        rows, positions = self._found(as_ids(ids))
        return [self._record(rows, position) for position in positions.tolist()]

    def records(self, *, where: dict[str, Any] | None = None) -> Iterator[Record]:
        """Return every item, or those that a filter leaves, in the order they were added, read one by one."""
        rows = self._store.rows
        positions = rows.live_positions() if where is None else self._filters.selection(rows, where).rows
        return (self._record(rows, position) for position in positions.tolist())

    def arrays(self) -> IndexArrays:
        """Return ids, labels and embeddings of every item as arrays.

        Cost: at most one copy of the embeddings.
        """
        rows = self._store.rows
        positions = rows.live_positions()
        whole = len(positions) == len(rows) and rows.blocks
        embeddings = as_float32(rows.vectors()) if whole else rows.take(positions)
        labels = list(self._store.vocabulary.labels)
        codes = np.asarray(rows.codes[positions], np.int32)
        return IndexArrays(rows.ids[positions], codes, labels, embeddings, rows.generation)

    def search(
        self,
        queries: Any,
        k: int = 10,
        *,
        where: dict[str, Any] | None = None,
        max_distance: float | None = None,
        exclude: Any = None,
        exact: bool = False,
    ) -> SearchResult:
        """Find the k nearest items of each query.

        Args:
            queries: Rows `(q, dim)` of finite numbers, or already cut to `truncate_dim`; one query is `row[None]`.
            k: ≥ 1. Beyond the size of the index, the rest of a row is missing: id -1 (None among string ids),
                distance +inf.
            where: Only items that satisfy this filter; see `parse_where`.
            max_distance: Only items up to this distance; k still limits their number.
            exclude: One id per query, or None for a query: an item that must not be its own neighbour.
            exact: Look at every row, also where an approximate engine would answer.

        Returns:
            Columns `(q, k)`, nearest first; rows at the same distance in the order they were added.

        Raises:
            ValueError: another width, NaN or infinity, a row of zeros under cosine, k below 1 or not whole, a filter
                with an unknown operation or field, another number of excluded ids than queries.
        """
        rows = self._store.rows
        k, max_distance = check_depth(k, len(rows)), check_max_distance(max_distance)
        vectors = self._space.queries(queries)
        excluded = None if exclude is None else self._excluded(exclude, len(vectors))
        selection = None if where is None else self._filters.selection(rows, where)
        wanted = min(k, max(1, len(rows))) + (excluded is not None)  # no more columns than there can be neighbours
        parts = []
        for start in range(0, max(1, len(vectors)), QUERY_BLOCK):
            part = slice(start, start + QUERY_BLOCK)
            found = nearest_rows(self.distance, rows, vectors[part], wanted, selection=selection, exact=exact)
            if excluded is not None:
                found = without(*found, excluded[part])
            parts.append(found if max_distance is None else within(*found, max_distance))
        positions, distances = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        self._builder.note_search(rows, len(vectors))
        return as_result(rows, self._store.vocabulary, positions, distances, k)

    def describe(self) -> dict[str, Any]:
        """Return what the index holds and how it answers, as JSON values.

        Returns:
            "items", "dim", "distance", "storage"; "removed", rows that still take room; "engine", what `build` reports;
            "unbuilt", rows that came since and are searched exactly; "bytes", of embeddings and engine in memory
            (rows in a mapped file are not counted).
        """
        rows = self._store.rows
        report = self._builder.report(rows)
        vectors = sum(block.matrix.nbytes for block in rows.blocks if block.matrix.in_memory)
        return {
            "items": rows.live_count,
            "removed": len(rows) - rows.live_count,
            "dim": self.dim,
            "distance": str(self.distance),
            "storage": self.storage,
            "engine": report.as_dict(),
            "unbuilt": 0 if report.effort == 0 else len(rows) - report.rows,
            "bytes": vectors + report.bytes,
        }

    def label_counts(self, labels: Any) -> NDArray[np.int64]:
        """Return how many items of the index carry each of `labels`, shape `(n,)`."""
        rows = self._store.rows
        codes = rows.codes[rows.live_positions()]
        vocabulary = self._store.vocabulary
        wanted = vocabulary.find(labels)  # before its length is asked for: another thread may add labels
        counts = np.bincount(codes[codes >= 0], minlength=len(vocabulary) + 1)
        return counts[wanted]  # an unknown label is -1: the last entry, which is 0

    def _held(self, ids: Ids) -> NDArray[np.bool_]:
        """Return which of these ids are those of items."""
        return self._store.positions_of(ids) >= 0

    def _found(self, ids: Any) -> tuple[Rows, Positions]:
        """Return the rows of this moment and the positions of ids in them, or raise an UnknownIdError."""
        with self._lock:
            rows, positions = self._store.rows, self._store.positions_of(ids)
        if (positions < 0).any():
            raise missing_id(ids.tolist()[int((positions < 0).argmax())])
        return rows, positions

    def _record(self, rows: Rows, position: int) -> Record:
        label = self._store.vocabulary.decode(rows.codes[position : position + 1]).tolist()[0]
        return rows.record(position, label)

    def _excluded(self, ids: Any, count: int) -> Positions:
        """Return the position of the item that each query must not find, -2 for none: -1 is a missing neighbour."""
        wanted = list(ids) if not isinstance(ids, np.ndarray) else ids.tolist()
        check_same_length(count, wanted, name="exclude", what="queries")
        known = [value for value in dict.fromkeys(wanted) if value is not None]
        places = self._store.positions_of(as_ids(known))
        where = dict(zip(known, np.where(places < 0, -2, places).tolist(), strict=True))
        return np.fromiter((where.get(value, -2) for value in wanted), np.intp, count)
