"""A search in Milvus, from checked queries to columns: the filter, the way to go, the rows, the result."""

import math
import time
from dataclasses import replace
from typing import Any

from keras_similarity.core.results import SearchResult
from keras_similarity.core.where import Where
from keras_similarity.index.remote.keys import field_key
from keras_similarity.index.remote.milvus.conditions import EVERY, MilvusTranslator, all_of
from keras_similarity.index.remote.milvus.items import counted
from keras_similarity.index.remote.milvus.label_table import MilvusLabels
from keras_similarity.index.remote.milvus.nearest import (
    MOST_EFFORT,
    MOST_LIMIT,
    SPARE,
    Search,
    block_size,
    joined,
    nearest,
    scanned,
)
from keras_similarity.index.remote.milvus.schema import read_state
from keras_similarity.index.remote.milvus.session import Session
from keras_similarity.index.remote.milvus.state import State
from keras_similarity.index.remote.results import Asked, Found, Part, joined_parts
from keras_similarity.index.remote.translating import metadata_fields, needs_labels, unknown_field
from keras_similarity.index.rows import Floats
from keras_similarity.index.settings import Settings

__all__ = ["Searcher"]

KEPT_SECONDS = 5.0
KEPT = 256  # filters
TUNED_K = 10  # neighbours that the effort was found for: more take more of it
UNTUNED = 512  # ef, before `build` has found out what is enough
# Milvus looks at all rows where fewer than this share of a segment may be found. Above, its graph finds too few: 0.87
# of the neighbours where 8% of 30,000 rows are left and ef is eight times what is enough without a filter.
FEW_SHARE = 0.07
SLICE_SHARE = 0.06  # so up to
MOST_SHARE = 0.3  # the rows are searched in slices that Milvus looks at all of,
MOST_SLICED = 100_000  # unless that is too many of them.
WIDER = 2  # beside the square of the share: what ef takes in the graph
FEW_GONE = 100  # stretches of places that are named in a search


class Searcher:
    """Searches one index, and remembers for a while what it learned of it.

    Args:
        session: Its database.
        settings: Its settings.
        labels: Its labels.
        state: Its state.
    """

    def __init__(self, session: Session, settings: Settings, labels: MilvusLabels, state: State) -> None:
        self._session, self._settings, self._labels = session, settings, labels
        self._state, self._until = state, 0.0
        self._shares: dict[str, tuple[float, int]] = {}
        self._fields: set[str] = set()

    def forget(self) -> None:
        """Look again."""
        self._until, self._shares, self._fields = 0.0, {}, set()

    def knows(self, state: State) -> None:
        """Take up the state that this process has written."""
        self.forget()
        self._state, self._until = state, time.monotonic() + KEPT_SECONDS

    def state(self, *, newest: bool = False) -> State:
        """Return the state, read again when it has been known for a while, or with everything that anybody wrote."""
        if newest or time.monotonic() > self._until:
            self._state = read_state(self._session, newest=newest)
            self._until = time.monotonic() + KEPT_SECONDS
        return self._state

    def condition(self, tree: Where | None) -> str:
        """Return a filter as an expression.

        Raises:
            ValueError: it names a field that no item has.
        """
        if tree is None:
            return EVERY
        state = self.state()
        self._check_fields(tree, state)
        vocabulary = self._labels.first(state, state.labels) if needs_labels(tree) else self._labels.known
        return MilvusTranslator(vocabulary).condition(tree)

    def search(self, asked: Asked, fetch: Any) -> SearchResult:
        """Return the neighbours; `fetch` returns the record of an item by its place in the order of additions."""
        state, condition = self.state(), self.condition(asked.tree)
        if len(asked.queries) == 0:
            return joined_parts([Part.of_none(asked.k, state.text_ids, self._labels.first(state, state.labels))], fetch)
        wanted = asked.k + (asked.excluded is not None)
        allowed = self._allowed(repr(asked.tree), condition) if condition else state.items
        effort, scan = self._plan(state, asked, allowed, wanted)
        slices = self._slices(state, allowed) if condition and effort else 1
        search = Search(self._settings.distance, condition, wanted, effort, allowed, slices)
        step = block_size(wanted)
        parts = []
        for start in range(0, len(asked.queries), step):
            found = self._found(search, asked.queries[start : start + step], scan=scan)
            vocabulary = self._labels.first(self._state, int(found.codes.max(initial=-1)) + 1)
            parts.append(Part.of(found, asked, start, self._state.text_ids, vocabulary))
        return joined_parts(parts, fetch)

    def _plan(self, state: State, asked: Asked, allowed: int, wanted: int) -> tuple[int, bool]:
        """Return ef, 0 where the server looks at every row, and whether to read the rows instead."""
        if wanted + SPARE > MOST_LIMIT and state.items > MOST_LIMIT:
            return 0, True
        if self._settings.engine == "exact":
            return 0, False
        if asked.exact:
            return 0, True
        effort = (state.built.get("effort") or UNTUNED) * max(1.0, wanted / TUNED_K)
        if asked.tree is not None:
            share = max(allowed / max(state.items, 1), FEW_SHARE)
            effort *= max(1.0, WIDER * (1 - share) / share**2)
        return min(int(max(effort, wanted)), MOST_EFFORT), False

    def _slices(self, state: State, allowed: int) -> int:
        """Return in how many searches Milvus looks at all rows that a filter leaves; 1 where it does so anyway."""
        share = allowed / max(state.items, 1)
        if not FEW_SHARE * 0.9 < share <= MOST_SHARE or allowed > MOST_SLICED:
            return 1
        return math.ceil(share / SLICE_SHARE)

    def _found(self, search: Search, queries: Floats, *, scan: bool) -> Found:
        if scan:
            return scanned(self._session, self.state(), search, queries)
        found = self._asked(search, queries)
        if self._state.counts(found.seqs).all():
            return self._filled(search, queries, found)
        # Somebody writes at this moment, or has written since the state was read.
        state = self.state(newest=True)
        if not state.counts(found.seqs).all():
            if len(state.gone) > FEW_GONE:
                return scanned(self._session, state, search, queries)
            found = self._asked(replace(search, condition=_within(state, search.condition)), queries)
        return self._filled(search, queries, found)

    def _asked(self, search: Search, queries: Floats) -> Found:
        if search.slices == 1:
            return nearest(self._session, search, queries)
        parts = [all_of(f"seq % {search.slices} == {rest}", search.condition) for rest in range(search.slices)]
        found = [nearest(self._session, replace(search, condition=part), queries) for part in parts]
        return joined(found, search.k)

    def _filled(self, search: Search, queries: Floats, found: Found) -> Found:
        """Read the rows where the graph ended its walk before it met enough of them."""
        least = (found.positions >= 0).sum(axis=1).min()
        if search.effort and least < min(search.k, search.allowed):
            return scanned(self._session, self.state(), search, queries)
        return found

    def _allowed(self, key: str, condition: str) -> int:
        """Return about how many rows a filter leaves."""
        known = self._shares.get(key)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        count = int(self._session.query(condition, ["count(*)"])[0]["count(*)"])
        self._shares = {**dict(list(self._shares.items())[1 - KEPT :]), key: (time.monotonic() + KEPT_SECONDS, count)}
        return count

    def _check_fields(self, tree: Where, state: State) -> None:
        """Raise a ValueError for a field of the metadata that no item has, where there are items."""
        for field in metadata_fields(tree):
            if field in self._fields or not state.items:
                continue
            there = f'exists fields["{field_key(field)}"]'
            rows = self._session.query(all_of(_within(state, ""), there), ["seq"], limit=FEW_GONE)
            if not counted(rows, state):
                raise unknown_field(field, self._known_fields(state))
            self._fields.add(field)

    def _known_fields(self, state: State) -> list[str]:
        rows = self._session.query(_within(state, ""), ["seq", "fields"], limit=MOST_LIMIT)
        keys = {key for row in counted(rows, state) for key in row["fields"]}
        return sorted(bytes.fromhex(key[1:]).decode() for key in keys)


def _within(state: State, condition: str) -> str:
    """Return a condition for the rows that count alone."""
    gone = [f"seq < {start} or seq >= {stop}" for start, stop in state.gone[:FEW_GONE]]
    return all_of(f"seq >= {state.first_seq} and seq < {state.next_seq}", *gone, condition)
