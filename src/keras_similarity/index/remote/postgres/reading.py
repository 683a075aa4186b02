"""What can be asked of an index in PostgreSQL. Nothing here changes it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.core.results import Record, SearchResult
from keras_similarity.core.where import parse_where
from keras_similarity.errors import UnknownIdError
from keras_similarity.index.columns import decode
from keras_similarity.index.graph import EngineReport
from keras_similarity.index.ids import as_ids
from keras_similarity.index.items import Space
from keras_similarity.index.remote.postgres.conditions import Condition, check_text
from keras_similarity.index.remote.postgres.items import Page, every, named, page
from keras_similarity.index.remote.postgres.label_table import LabelTable
from keras_similarity.index.remote.postgres.schema import State, Tables, read_state
from keras_similarity.index.remote.postgres.searching import Asked, Searcher
from keras_similarity.index.remote.postgres.session import Session
from keras_similarity.index.rows import as_float32
from keras_similarity.index.searching import check_depth, check_max_distance
from keras_similarity.index.settings import Settings

__all__ = ["PostgresReading", "missing_id"]


def missing_id(item_id: int | str) -> UnknownIdError:
    """Return the error for an id that no item has."""
    return UnknownIdError(f"the index holds no item with id {item_id!r}.\n  `id in index` tells whether it does.")


class PostgresReading:
    """The reading half of `PostgresIndex`."""

    _space: Space
    settings: Settings
    _session: Session
    _tables: Tables
    _labels: LabelTable
    _searcher: Searcher

    def _begin(self, session: Session, tables: Tables, settings: Settings, state: State) -> None:
        self._session, self._tables = session, tables
        self._labels = LabelTable(tables)
        self._searcher = Searcher(session, tables, settings, self._labels, state)
        self._seen = state.generation

    def __len__(self) -> int:
        return self._state().items

    def __contains__(self, item_id: object) -> bool:
        if isinstance(item_id, bool) or not isinstance(item_id, int | str):
            return False
        try:
            condition = named(as_ids([item_id]))
        except ValueError:  # what can be no id
            return False
        query = f"SELECT EXISTS (SELECT FROM {self._tables.rows} WHERE {condition.sql})"
        return self._session.read(lambda connection: connection.execute(query, condition.values).fetchone()[0])

    def __iter__(self) -> Iterator[int | str]:
        """Return the ids, in the order their items were added, read a page at a time."""
        return (item_id for found in self._pages(None) for item_id in found.ids)

    @property
    def generation(self) -> int:
        """A number that grows with every change, asked of the database; what was read under it stays true."""
        return self._state().generation

    def get(self, ids: Any) -> list[Record]:
        """Return the records of `ids`, in their order; see `Index.get`."""
        checked = as_ids(ids)
        found = self._every(named(checked))
        place = {record.id: record for record in found}
        missing = [item_id for item_id in checked.tolist() if item_id not in place]
        if missing:
            raise missing_id(missing[0])
        return [place[item_id] for item_id in checked.tolist()]

    def records(self, *, where: dict[str, Any] | None = None) -> Iterator[Record]:
        """Return every item, or those that a filter leaves, in the order they were added, read a page at a time.

        Each page is of its own moment: an item that is changed meanwhile comes once more.
        """
        pages = self._pages(where)
        first = next(pages, None)  # a filter that is wrong raises here, not at the first item
        return (record for found in (first, *pages) if found for record in self._records(found))

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
        """Find the k nearest items of each query; see `Index.search`.

        Distances are computed here, from the embeddings: the numbers of every other index.
        """
        k, max_distance = check_depth(k, 0), check_max_distance(max_distance)
        vectors = self._space.queries(queries)
        tree = None
        if where is not None:
            check_text(tree := parse_where(where))
        excluded = None if exclude is None else _excluded(exclude, len(vectors))
        return self._searcher.search(Asked(vectors, k, tree, max_distance, excluded, exact), self._found_at)

    def describe(self) -> dict[str, Any]:
        """Return what the index holds and how it answers, as JSON values; see `Index.describe`.

        "bytes" are those of the table and its indexes, on the server's disk.
        """
        state = self._state()
        size = "SELECT pg_total_relation_size(%s::regclass)"
        report = EngineReport(**state.built) if state.built else None
        if report is None:
            report = EngineReport("exact", "nothing was built yet", 1.0, self.settings.recall, 0, 0, state.items, 0)
        return {
            "items": state.items,
            "removed": 0,
            "dim": self.settings.dim,
            "distance": str(self.settings.distance),
            "storage": self.settings.storage,
            "engine": report.as_dict(),
            "unbuilt": 0,
            "bytes": self._session.read(lambda c: c.execute(size, (self._tables.rows,)).fetchone()[0]),
        }

    def label_counts(self, labels: Any) -> NDArray[np.int64]:
        """Return how many items of the index carry each of `labels`, shape `(n,)`."""

        def work(connection: Any) -> NDArray[np.int64]:
            codes = self._labels.newest(connection).find(labels)
            query = f"SELECT label, count(*) FROM {self._tables.rows} WHERE label = ANY(%s::int4[]) GROUP BY label"
            counts = dict(connection.execute(query, (codes.tolist(),)).fetchall())
            return np.array([counts.get(code, 0) for code in codes.tolist()], np.int64)

        return self._session.read(work)

    def refresh(self) -> bool:
        """Look again at what searches remember for seconds: the labels, the graph, what filters leave.

        Items that other processes write are found without.
        """
        self._searcher.forget()
        before, self._seen = self._seen, self._state().generation
        return self._seen != before

    def _state(self) -> State:
        return self._session.read(lambda connection: read_state(connection, self._tables))

    def _pages(self, where: dict[str, Any] | None) -> Iterator[Page]:
        tree = None
        if where is not None:
            check_text(tree := parse_where(where))
        after = -1
        while True:
            found = self._session.read(
                lambda connection, after=after: page(
                    connection,
                    self._tables,
                    self._searcher.condition(connection, tree),
                    self._space.dtype,
                    self._space.width,
                    after=after,
                )
            )
            if not len(found):
                return
            yield found
            after = found.seqs[-1]

    def _every(self, condition: Condition) -> list[Record]:
        dtype, width = self._space.dtype, self._space.width
        return self._records(
            self._session.read(lambda connection: every(connection, self._tables, condition, dtype, width))
        )

    def _records(self, found: Page) -> list[Record]:
        count = int(found.codes.max(initial=NO_LABEL)) + 1
        known = self._labels.known
        if len(known) < count:
            known = self._session.read(lambda connection: self._labels.first(connection, count))
        rows = zip(found.ids, found.codes.tolist(), as_float32(found.vectors), found.data, found.metadata, strict=True)
        return [
            Record(
                item_id,
                None if code == NO_LABEL else known.labels[code],
                vector,
                None if data is None else decode(data),
                metadata,
            )
            for item_id, code, vector, data, metadata in rows
        ]

    def _found_at(self, seq: int) -> Record:
        """Return the item that a search found, as it was then."""
        found = self._every(Condition("seq = %s", (seq,)))
        if not found:
            raise UnknownIdError("an item that was found has been changed or removed since.\n  Search again.")
        return found[0]


def _excluded(exclude: Any, count: int) -> list[Any]:
    """Return the id that each query must not find, None for none."""
    wanted = exclude.tolist() if isinstance(exclude, np.ndarray) else list(exclude)
    check_same_length(count, wanted, name="exclude", what="queries")
    as_ids([value for value in dict.fromkeys(wanted) if value is not None])
    return wanted
