"""What databases return for a search, ranked here, and put into columns: the same for every database.

The database proposes; where distances are equal, the item that was added first comes first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length
from keras_similarity.core.item_ids import MISSING_ID, as_ids
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.core.results import SearchResult
from keras_similarity.core.where import Where
from keras_similarity.index.rows import Floats, Positions
from keras_similarity.index.searching import within, without

__all__ = ["Asked", "Found", "Line", "Part", "as_excluded", "id_array", "joined_parts", "ranked"]

NOWHERE: Any = -2  # the position of what is not there


@dataclass(frozen=True, slots=True)
class Asked:
    """A search with checked arguments; see `Index.search`."""

    queries: Floats
    k: int
    tree: Where | None = None
    max_distance: float | None = None
    excluded: list[Any] | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that the database returned for some queries, and the nearest of them, in order.

    Args:
        ids: Of every row returned, ints and strings.
        codes: Of their labels `(m,)`.
        seqs: Their places in the order of additions `(m,)`.
        positions: For each query the positions of its neighbours among these rows `(q, k)`, -1 for none.
        distances: `(q, k)`, +inf for none.
        vectors: Their embeddings `(m, d)`, float64; None where they were not asked for.
    """

    ids: list[int | str]
    codes: NDArray[np.int32]
    seqs: NDArray[np.int64]
    positions: Positions
    distances: Floats
    vectors: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The nearest rows of one query, in order: lists, which for ten neighbours take less time than arrays.

    Args:
        ids: Ints and strings.
        codes: Of their labels.
        seqs: Their places in the order of additions.
        distances: `(m,)`.
        vectors: Their embeddings `(m, d)`, float64.
    """

    ids: list[Any]
    codes: list[int]
    seqs: list[int]
    distances: Floats
    vectors: NDArray[np.float64]

    @classmethod
    def of_none(cls, width: int) -> "Line":
        """Return no rows."""
        return cls([], [], [], np.empty(0, np.float32), np.empty((0, width)))

    def taken(self, order: list[int]) -> "Line":
        """Return some of the rows, in another order."""
        ids, codes, seqs = ([values[place] for place in order] for values in (self.ids, self.codes, self.seqs))
        return Line(ids, codes, seqs, self.distances[order], self.vectors[order])

    def as_found(self, k: int, count: int = 1) -> Found:
        """Return the rows as those of `count` queries, no rows where there is more than one."""
        positions = np.full((count, k), -1, np.intp)
        distances = np.full((count, k), np.inf, np.float32)
        positions[0, : len(self.ids)], distances[0, : len(self.ids)] = np.arange(len(self.ids)), self.distances
        codes, seqs = np.array(self.codes, np.int32), np.array(self.seqs, np.int64)
        return Found(self.ids, codes, seqs, positions, distances, self.vectors)


def ranked(owners: NDArray[np.intp], gaps: Floats, seqs: NDArray[np.int64], count: int, k: int) -> tuple[Any, Any]:
    """Return positions and distances `(q, k)` of the nearest rows of each query.

    Args:
        owners: Which query each row was found for `(m,)`.
        gaps: Its distance `(m,)`.
        seqs: Its place in the order of additions `(m,)`.
        count: How many queries there are.
        k: How many neighbours.
    """
    positions = np.full((count, k), -1, np.intp)
    distances = np.full((count, k), np.inf, np.float32)
    if count == 1:
        order = np.lexsort((seqs, gaps))[:k]
        positions[0, : len(order)], distances[0, : len(order)] = order, gaps[order]
        return positions, distances
    order = np.lexsort((seqs, gaps, owners))
    owners = owners[order]
    rank = np.arange(len(order)) - np.searchsorted(owners, owners)
    kept = rank < k
    place = owners[kept], rank[kept]
    positions[place], distances[place] = order[kept], gaps[order[kept]]
    return positions, distances


@dataclass(frozen=True, slots=True)
class Part:
    """The result for one block of queries: columns, and the place of each neighbour in the order of additions."""

    ids: NDArray[Any]
    distances: Floats
    labels: NDArray[Any]
    seqs: NDArray[np.int64] | list[list[int]]

    @classmethod
    def of_none(cls, k: int, text_ids: bool, vocabulary: LabelVocabulary) -> "Part":
        """Return the result for no query."""
        codes = np.empty((0, k), np.int32)
        ids = np.empty((0, k), object if text_ids else np.int64)
        return cls(ids, np.empty((0, k), np.float32), vocabulary.decode(codes), np.empty((0, k), np.int64))

    @classmethod
    def of_line(cls, line: Line, text_ids: bool, vocabulary: LabelVocabulary) -> "Part":
        """Return the result for one query whose neighbours are all there."""
        as_objects = text_ids or str in map(type, line.ids)
        labels = vocabulary.decode(np.array([line.codes], np.int32))
        ids = id_array(line.ids, as_objects=as_objects)[None]
        return cls(ids, line.distances[None], labels, [line.seqs])

    @classmethod
    def of(cls, found: Found, asked: Asked, start: int, text_ids: bool, vocabulary: LabelVocabulary) -> "Part":
        """Return the result for the queries from `start` on."""
        positions, distances = found.positions, found.distances
        if asked.excluded is not None:
            excluded = id_array(asked.excluded[start : start + len(positions)], as_objects=True)
            positions, distances = without(positions, distances, _positions_of(excluded, found.ids, positions))
        if asked.max_distance is not None:
            positions, distances = within(positions, distances, asked.max_distance)
        as_objects = text_ids or str in map(type, found.ids)
        none = None if as_objects else MISSING_ID
        ids = id_array([*found.ids, none], as_objects=as_objects)[positions]  # a missing one is -1: the last entry
        labels = vocabulary.decode(np.append(found.codes, np.int32(-1))[positions])
        return cls(ids, distances, labels, np.array([*found.seqs, -1], np.int64)[positions])


def _positions_of(excluded: NDArray[Any], ids: list[int | str], positions: Positions) -> Positions:
    """Return the position, among each query's neighbours, of the item that it must not find."""
    same = id_array([*ids, object()], as_objects=True)[positions] == excluded[:, None]
    chosen = np.take_along_axis(positions, same.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(same.any(axis=1), chosen, NOWHERE)


def id_array(values: list[Any], *, as_objects: bool) -> NDArray[Any]:
    """Return ids as an array, of objects where one is or may be a string."""
    if not as_objects:
        return np.array(values, np.int64)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def joined_parts(parts: list[Part], fetch: Any) -> SearchResult:
    """Return the parts as one result; `fetch` returns the record of an item by its place in the order of additions."""
    if len(parts) == 1:
        ids, distances, labels, seqs = parts[0].ids, parts[0].distances, parts[0].labels, parts[0].seqs
    else:
        names = ("ids", "distances", "labels", "seqs")
        ids, distances, labels, seqs = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return SearchResult(ids, distances, labels, lambda row, column: fetch(int(seqs[row][column])))


def as_excluded(exclude: Any, count: int) -> list[Any]:
    """Return the id that each query must not find, None for none."""
    wanted = exclude.tolist() if isinstance(exclude, np.ndarray) else list(exclude)
    check_same_length(count, wanted, name="exclude", what="queries")
    as_ids([value for value in dict.fromkeys(wanted) if value is not None])
    return wanted
