"""A search, from checked queries to columns: the filter, the way to go, the rows, the result."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.core.results import SearchResult
from keras_similarity.core.where import Where
from keras_similarity.index.ids import MISSING_ID
from keras_similarity.index.remote.postgres.conditions import ALL, Condition, as_condition, needs_labels
from keras_similarity.index.remote.postgres.filtering import KEPT_SECONDS, Shares
from keras_similarity.index.remote.postgres.label_table import LabelTable
from keras_similarity.index.remote.postgres.nearest import MOST_EFFORT, Found, Search, block_size, nearest
from keras_similarity.index.remote.postgres.schema import State, Tables, read_state
from keras_similarity.index.remote.postgres.session import Session
from keras_similarity.index.remote.postgres.tuning import as_settings
from keras_similarity.index.rows import Floats, Positions
from keras_similarity.index.searching import within, without
from keras_similarity.index.settings import Settings

__all__ = ["Asked", "Searcher"]

TUNED_K = 10  # neighbours that the effort was found for: more take more of it
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


class Searcher:
    """Searches one index, and remembers for a while what it learned of it.

    Args:
        session: Its database.
        tables: Its tables.
        settings: Its settings.
        labels: Its labels.
    """

    def __init__(self, session: Session, tables: Tables, settings: Settings, labels: LabelTable, state: State) -> None:
        self._session, self._tables, self._settings, self._labels = session, tables, settings, labels
        self._shares = Shares(tables)
        self._state = state
        self._until = 0.0

    def forget(self) -> None:
        """Look again: this process has changed the index."""
        self._shares.forget()
        self._until = 0.0

    def search(self, asked: Asked, fetch: Any) -> SearchResult:
        """Return the neighbours; `fetch` returns the record of an item by its place in the order of additions."""
        wanted = asked.k + (asked.excluded is not None)
        step = block_size(wanted, self._settings.space.width)
        parts = [
            self._session.read(lambda connection, start=start: self._part(connection, asked, wanted, start, step))
            for start in range(0, max(1, len(asked.queries)), step)
        ]
        return _joined(parts, fetch)

    def condition(self, connection: Any, tree: Where | None) -> Condition:
        """Return a filter as SQL.

        Raises:
            ValueError: it names a field that no item has.
        """
        if tree is None:
            return ALL
        self._shares.check_fields(connection, tree)
        return as_condition(tree, self._labels.newest(connection) if needs_labels(tree) else self._labels.known)

    def state(self, connection: Any) -> State:
        """Return the state, read again when it has been known for a while."""
        if time.monotonic() > self._until:
            self._state = read_state(connection, self._tables)
            self._until = time.monotonic() + KEPT_SECONDS
        return self._state

    def _part(self, connection: Any, asked: Asked, wanted: int, start: int, step: int) -> "_Part":
        state = self.state(connection)
        queries = asked.queries[start : start + step]
        distance, dtype = self._settings.distance, self._settings.space.dtype
        condition = self.condition(connection, asked.tree)
        effort = 0 if asked.exact else self._effort(connection, state, asked.tree, condition, wanted)
        search = Search(self._tables.rows, distance, dtype, condition, wanted, effort)
        if len(queries) == 0:
            return _Part.of_none(wanted, asked.k, state.text_ids, self._labels.known)
        if effort:
            self._session.set(connection, *as_settings(effort, filtered=asked.tree is not None))
        found = nearest(connection, search, queries)
        if effort and (found.positions[:, -1] < 0).any() and len(found.seqs) < len(queries) * state.items:
            # The graph ended its walk before it met enough rows.
            found = nearest(connection, Search(search.rows, distance, dtype, condition, wanted, 0), queries)
        vocabulary = self._labels.first(connection, int(found.codes.max(initial=-1)) + 1)
        return _Part.of(found, asked, start, state.text_ids, vocabulary)

    def _effort(self, connection: Any, state: State, tree: Where | None, condition: Condition, wanted: int) -> int:
        """Return hnsw.ef_search, or 0 to look at every row."""
        tuned = state.built.get("effort", 0)
        if not tuned:
            return 0
        share = 1.0 if tree is None else self._shares.share(connection, repr(tree), condition, state.items)
        if share == 0:
            return 0
        halves = 2 if self._settings.space.dtype == np.float16 else 1
        effort = max(tuned * max(1.0, wanted / TUNED_K) / share, halves * wanted)
        if effort > MOST_EFFORT:  # more than the graph can be asked for; under a filter, the most of it
            return MOST_EFFORT if tree is not None and halves * wanted <= tuned else 0
        return int(effort)


@dataclass(frozen=True, slots=True)
class _Part:
    """The result for one block of queries: columns, and the place of each neighbour in the order of additions."""

    ids: NDArray[Any]
    distances: Floats
    labels: NDArray[Any]
    seqs: NDArray[np.int64]

    @classmethod
    def of_none(cls, wanted: int, k: int, text_ids: bool, vocabulary: LabelVocabulary) -> "_Part":
        codes = np.empty((0, k), np.int32)
        ids = np.empty((0, k), object if text_ids else np.int64)
        return cls(ids, np.empty((0, k), np.float32), vocabulary.decode(codes), np.empty((0, k), np.int64))

    @classmethod
    def of(cls, found: Found, asked: Asked, start: int, text_ids: bool, vocabulary: LabelVocabulary) -> "_Part":
        positions, distances = found.positions, found.distances
        if asked.excluded is not None:
            excluded = _id_array(asked.excluded[start : start + len(positions)], as_objects=True)
            positions, distances = without(positions, distances, _positions_of(excluded, found.ids, positions))
        if asked.max_distance is not None:
            positions, distances = within(positions, distances, asked.max_distance)
        as_objects = text_ids or any(isinstance(value, str) for value in found.ids)
        none = None if as_objects else MISSING_ID
        ids = _id_array([*found.ids, none], as_objects=as_objects)[positions]  # a missing one is -1: the last entry
        labels = vocabulary.decode(np.append(found.codes, np.int32(-1))[positions])
        return cls(ids, distances, labels, np.array([*found.seqs, -1], np.int64)[positions])


def _positions_of(excluded: NDArray[Any], ids: list[int | str], positions: Positions) -> Positions:
    """Return the position, among each query's neighbours, of the item that it must not find."""
    same = _id_array([*ids, object()], as_objects=True)[positions] == excluded[:, None]
    chosen = np.take_along_axis(positions, same.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(same.any(axis=1), chosen, NOWHERE)


def _id_array(values: list[Any], *, as_objects: bool) -> NDArray[Any]:
    if not as_objects:
        return np.array(values, np.int64)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _joined(parts: list[_Part], fetch: Any) -> SearchResult:
    if len(parts) == 1:
        ids, distances, labels, seqs = parts[0].ids, parts[0].distances, parts[0].labels, parts[0].seqs
    else:
        names = ("ids", "distances", "labels", "seqs")
        ids, distances, labels, seqs = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return SearchResult(ids, distances, labels, lambda row, column: fetch(int(seqs[row, column])))
