"""A search, from checked queries to columns: the filter, the way to go, the rows, the result."""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from keras_similarity.core.results import SearchResult
from keras_similarity.core.where import Where
from keras_similarity.index.remote.postgres.conditions import ALL, Condition, SqlTranslator
from keras_similarity.index.remote.postgres.filtering import KEPT_SECONDS, Shares
from keras_similarity.index.remote.postgres.label_table import PostgresLabels
from keras_similarity.index.remote.postgres.nearest import MOST_EFFORT, Search, block_size, nearest, nearest_of_one
from keras_similarity.index.remote.postgres.prepared import PreparedSearches
from keras_similarity.index.remote.postgres.schema import State, Tables, read_state
from keras_similarity.index.remote.postgres.session import Session
from keras_similarity.index.remote.postgres.tuning import as_settings
from keras_similarity.index.remote.results import Asked, Part, joined_parts
from keras_similarity.index.remote.translating import needs_labels
from keras_similarity.index.settings import Settings

__all__ = ["Searcher"]

TUNED_K = 10  # neighbours that the effort was found for: more take more of it


class Searcher:
    """Searches one index, and remembers for a while what it learned of it.

    Args:
        session: Its database.
        tables: Its tables.
        settings: Its settings.
        labels: Its labels.
    """

    def __init__(
        self, session: Session, tables: Tables, settings: Settings, labels: PostgresLabels, state: State
    ) -> None:
        self._session, self._tables, self._settings, self._labels = session, tables, settings, labels
        self._shares = Shares(tables)
        self._prepared = PreparedSearches()
        self._rows, self._space = tables.rows, settings.space  # made anew where they are asked for
        self._state = state
        self._usual: tuple[State, dict[int, Search]] = state, {}  # by k, of searches without a filter
        self._until = 0.0

    def forget(self) -> None:
        """Look again: this process has changed the index."""
        self._shares.forget()
        self._until = 0.0

    def search(self, asked: Asked, fetch: Any) -> SearchResult:
        """Return the neighbours; `fetch` returns the record of an item by its place in the order of additions."""
        wanted = asked.k + (asked.excluded is not None)
        step = block_size(wanted, self._space.width)
        parts = [
            self._session.read(lambda connection, start=start: self._part(connection, asked, wanted, start, step))
            for start in range(0, max(1, len(asked.queries)), step)
        ]
        return joined_parts(parts, fetch)

    def condition(self, connection: Any, tree: Where | None) -> Condition:
        """Return a filter as SQL.

        Raises:
            ValueError: it names a field that no item has.
        """
        if tree is None:
            return ALL
        self._shares.check_fields(connection, tree)
        vocabulary = self._labels.newest(connection) if needs_labels(tree) else self._labels.known
        return SqlTranslator(vocabulary).condition(tree)

    def state(self, connection: Any) -> State:
        """Return the state, read again when it has been known for a while."""
        if time.monotonic() > self._until:
            self._state = read_state(connection, self._tables)
            self._until = time.monotonic() + KEPT_SECONDS
        return self._state

    def _part(self, connection: Any, asked: Asked, wanted: int, start: int, step: int) -> Part:
        state = self.state(connection)
        queries = asked.queries[start : start + step]
        search = self._planned(connection, state, asked, wanted)
        if len(queries) == 0:
            return Part.of_none(asked.k, state.text_ids, self._labels.known)
        if search.effort:
            self._session.set(connection, *as_settings(search.effort, filtered=asked.tree is not None))
        if len(queries) == 1 and asked.excluded is None and asked.max_distance is None:
            line = nearest_of_one(connection, search, queries, self._prepared)
            if len(line.ids) == wanted:
                vocabulary = self._labels.first(connection, max(line.codes) + 1)
                return Part.of_line(line, state.text_ids, vocabulary)
            found = line.as_found(wanted)
        else:
            found = nearest(connection, search, queries)
        if search.effort and (found.positions[:, -1] < 0).any() and len(found.seqs) < len(queries) * state.items:
            # The graph ended its walk before it met enough rows.
            found = nearest(connection, replace(search, effort=0), queries)
        vocabulary = self._labels.first(connection, int(found.codes.max(initial=-1)) + 1)
        return Part.of(found, asked, start, state.text_ids, vocabulary)

    def _planned(self, connection: Any, state: State, asked: Asked, wanted: int) -> Search:
        """Return how to ask: what is asked without a filter comes again, and is planned once for each state."""
        usual = asked.tree is None and not asked.exact
        known, plans = self._usual
        if known is not state:
            self._usual = state, (plans := {})
        if usual and wanted in plans:
            return plans[wanted]
        condition = self.condition(connection, asked.tree)
        effort = 0 if asked.exact else self._effort(connection, state, asked.tree, condition, wanted)
        search = Search(self._rows, self._space.distance, self._space.dtype, condition, wanted, effort)
        if usual:
            plans[wanted] = search
        return search

    def _effort(self, connection: Any, state: State, tree: Where | None, condition: Condition, wanted: int) -> int:
        """Return hnsw.ef_search, or 0 to look at every row."""
        tuned = state.built.get("effort", 0)
        if not tuned:
            return 0
        share = 1.0 if tree is None else self._shares.share(connection, repr(tree), condition, state.items)
        if share == 0:
            return 0
        halves = 2 if self._space.dtype == np.float16 else 1
        effort = max(tuned * max(1.0, wanted / TUNED_K) / share, halves * wanted)
        if effort > MOST_EFFORT:  # more than the graph can be asked for; under a filter, the most of it
            return MOST_EFFORT if tree is not None and halves * wanted <= tuned else 0
        return int(effort)
