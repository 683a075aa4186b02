"""What can be asked of an index in PostgreSQL. Nothing here changes it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.core.where import Where
from keras_similarity.index.remote.items import Page
from keras_similarity.index.remote.postgres.conditions import Condition
from keras_similarity.index.remote.postgres.items import every, named, page
from keras_similarity.index.remote.postgres.label_table import PostgresLabels
from keras_similarity.index.remote.postgres.schema import State, Tables, read_state
from keras_similarity.index.remote.postgres.searching import Searcher
from keras_similarity.index.remote.postgres.session import Session
from keras_similarity.index.remote.reading import RemoteReading
from keras_similarity.index.settings import Settings

__all__ = ["PostgresReading"]


class PostgresReading(RemoteReading):
    """The reading half of `PostgresIndex`. Distances are computed here, from the embeddings."""

    _session: Session
    _tables: Tables
    _labels: PostgresLabels
    _searcher: Searcher

    def _begin(self, session: Session, tables: Tables, settings: Settings, state: State) -> None:
        self._session, self._tables = session, tables
        self._labels = PostgresLabels(tables)
        self._searcher = Searcher(session, tables, settings, self._labels, state)
        self._seen = state.generation

    def label_counts(self, labels: Any) -> NDArray[np.int64]:
        """Return how many items of the index carry each of `labels`, shape `(n,)`."""

        def work(connection: Any) -> NDArray[np.int64]:
            codes = self._labels.newest(connection).find(labels)
            query = f"SELECT label, count(*) FROM {self._tables.rows} WHERE label = ANY(%s::int4[]) GROUP BY label"
            counts = dict(connection.execute(query, (codes.tolist(),)).fetchall())
            return np.array([counts.get(code, 0) for code in codes.tolist()], np.int64)

        return self._session.read(work)

    def _state(self) -> State:
        return self._session.read(lambda connection: read_state(connection, self._tables))

    def _pages(self, tree: Where | None) -> Iterator[Page]:
        dtype, width = self._space.dtype, self._space.width
        after = -1

        def work(connection: Any) -> Page:
            condition = self._searcher.condition(connection, tree)
            return page(connection, self._tables, condition, dtype, width, after=after)

        while len(found := self._session.read(work)):
            yield found
            after = found.seqs[-1]

    def _present(self, ids: Ids) -> set[int | str]:
        condition = named(ids)
        query = f"SELECT id_int, id_text FROM {self._tables.rows} WHERE {condition.sql}"
        found = self._session.read(lambda connection: connection.execute(query, condition.values).fetchall())
        return {text if whole is None else whole for whole, text in found}

    def _with_ids(self, ids: Ids) -> Page:
        return self._every(named(ids))

    def _at(self, seq: int) -> Page:
        return self._every(Condition("seq = %s", (seq,)))

    def _vocabulary(self, count: int) -> LabelVocabulary:
        if len(self._labels.known) >= count:
            return self._labels.known
        return self._session.read(lambda connection: self._labels.first(connection, count))

    def _bytes(self) -> int:
        size = "SELECT pg_total_relation_size(%s::regclass)"
        return self._session.read(lambda connection: connection.execute(size, (self._tables.rows,)).fetchone()[0])

    def _every(self, condition: Condition) -> Page:
        dtype, width = self._space.dtype, self._space.width
        return self._session.read(lambda connection: every(connection, self._tables, condition, dtype, width))
