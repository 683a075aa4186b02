"""A search in Qdrant, from checked queries to columns. Distances are Qdrant's, in float32."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.label_json import label_from_json
from keras_similarity.core.results import SearchResult
from keras_similarity.core.where import Where
from keras_similarity.index.graph import EQUAL, TUNED_K
from keras_similarity.index.remote.qdrant.conditions import QdrantTranslator
from keras_similarity.index.remote.qdrant.items import Labels, units
from keras_similarity.index.remote.qdrant.session import Session
from keras_similarity.index.remote.qdrant.state import State, items_only, read_state
from keras_similarity.index.remote.results import Asked, Found, Part, joined_parts, ranked
from keras_similarity.index.remote.translating import metadata_fields, unknown_field
from keras_similarity.index.rows import Floats
from keras_similarity.index.settings import Settings

__all__ = ["Searcher"]

KEPT_SECONDS = 5.0
KEPT = 256  # filters
FEW_ALLOWED = 10_000  # rows that are all looked at,
FEW_SHARE = 0.05  # and so is what a filter leaves up to this share of them,
MOST_SHARE, MOST_EXACT = 0.3, 100_000  # or this share, and so many:
# at 20% of 30,000 × 64 the graph found 0.95 of the neighbours with the effort that is enough without a filter.
WIDER = 8  # times that effort, above
UNTUNED = 512  # ef, before `build` has found out what is enough
MOST_QUERIES, BLOCK_NUMBERS = 64, 2**17  # of one call, and neighbours
MOST_LIMIT = 16_384  # neighbours beyond which no more are asked for to settle which of equal ones come first
SPARE, MORE = 4, 4  # rows asked for beyond k, and times as many where that is not enough
MOST_VALUES = 1_000_000  # labels, or fields of the metadata

# Qdrant's numbers to ours.
FINISH: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "cosine": lambda scores: np.clip(1 - scores, 0, 2),
    "euclidean": lambda scores: scores,
    "squared_euclidean": np.square,
    "inner_product": lambda scores: -scores,
    "manhattan": lambda scores: scores,
}


class Searcher:
    """Searches one index, and remembers for a while what it learned of it.

    Args:
        session: Its database.
        settings: Its settings.
        labels: Its labels.
        state: Its state.
    """

    def __init__(self, session: Session, settings: Settings, labels: Labels, state: State) -> None:
        self._session, self._settings, self._labels = session, settings, labels
        self._state, self._until = state, 0.0
        self._counts: dict[str, tuple[float, int]] = {}
        self._fields: set[str] = set()

    def forget(self) -> None:
        """Look again."""
        self._until, self._counts, self._fields = 0.0, {}, set()

    def state(self) -> State:
        """Return the state, read again when it has been known for a while."""
        if time.monotonic() > self._until:
            self._state, self._until = read_state(self._session), time.monotonic() + KEPT_SECONDS
        return self._state

    def conditions(self, tree: Where | None) -> list[Any]:
        """Return a filter as conditions, none or one.

        Raises:
            ValueError: it names a field that no item has.
        """
        if tree is None:
            return []
        self._check_fields(tree)
        return [QdrantTranslator(self._session.models, lambda: self._values("label_key"), self._scan).condition(tree)]

    def search(self, asked: Asked, fetch: Any) -> SearchResult:
        """Return the neighbours; `fetch` returns the record of an item by its place in the order of additions."""
        state, conditions = self.state(), self.conditions(asked.tree)
        if len(asked.queries) == 0:
            return joined_parts([Part.of_none(asked.k, state.text_ids, self._labels.known)], fetch)
        wanted = asked.k + (asked.excluded is not None)
        effort = self._effort(state, asked, conditions, wanted)
        step = max(1, min(MOST_QUERIES, BLOCK_NUMBERS // wanted))
        parts = []
        for start in range(0, len(asked.queries), step):
            found = self.nearest(asked.queries[start : start + step], conditions, wanted, effort)
            parts.append(Part.of(found, asked, start, state.text_ids, self._labels.known))
        return joined_parts(parts, fetch)

    def _effort(self, state: State, asked: Asked, conditions: list[Any], wanted: int) -> int:
        """Return the effort of a search, 0 to look at every row that may be found."""
        few = max(FEW_SHARE * state.items, min(MOST_SHARE * state.items, MOST_EXACT)) if conditions else 0
        allowed = self._allowed(repr(asked.tree), conditions)
        if asked.exact or self._settings.engine == "exact" or allowed <= max(FEW_ALLOWED, few):
            return 0
        effort = (state.built.get("effort") or UNTUNED) * (WIDER if conditions else 1)
        return int(effort * max(1.0, wanted / TUNED_K))

    def nearest(self, queries: Floats, conditions: list[Any], k: int, effort: int) -> Found:
        """Return the nearest points of queries `(q, d)`, q ≥ 1, with an effort of the graph, 0 to look at all of them.

        Which of many equally near points come is Qdrant's choice, so more are asked for where the last one returned is
        as near as the k-th.
        """
        most = max(MOST_LIMIT, self._state.items + SPARE)
        limit = min(k + SPARE, most)
        found = self._asked(queries, conditions, limit, effort)
        if effort and min(map(len, found)) < min(k, FEW_ALLOWED):  # the walk ended before it met enough of them
            effort, found = 0, self._asked(queries, conditions, limit, 0)
        while limit < MOST_LIMIT and _is_unclear(found, k, limit):
            limit = min(MORE * limit, MOST_LIMIT)
            found = self._asked(queries, conditions, limit, effort)
        hits = [hit for one in found for hit in one]
        owners = np.repeat(np.arange(len(queries)), [len(one) for one in found])
        gaps = FINISH[self._settings.distance.name](np.array([hit.score for hit in hits], np.float64))
        seqs = np.array([hit.payload["seq"] for hit in hits], np.int64)
        said = [hit.payload.get("label") for hit in hits]
        codes = self._labels.codes([None if text is None else label_from_json(json.loads(text)) for text in said])
        ids = [hit.payload["id"] for hit in hits]
        return Found(ids, codes, seqs, *ranked(owners, gaps.astype(np.float32), seqs, len(queries), k))

    def _asked(self, queries: Floats, conditions: list[Any], limit: int, effort: int) -> list[list[Any]]:
        models = self._session.models
        params = models.SearchParams(hnsw_ef=max(effort, limit)) if effort else models.SearchParams(exact=True)
        rows = units(queries)[0] if self._settings.distance.name == "cosine" else queries
        requests = [
            models.QueryRequest(
                query=row,
                using="embedding",
                filter=items_only(models, *conditions) if conditions else None,
                params=None if self._session.local else params,  # it looks at every point
                limit=limit,
                with_payload=["seq", "id", "label"],
            )
            for row in rows.tolist()
        ]
        return [answer.points for answer in self._session.call("query_batch_points", requests)]

    def _allowed(self, key: str, conditions: list[Any]) -> int:
        """Return about how many items a filter leaves."""
        if not conditions:
            return self._state.items
        known = self._counts.get(key)
        if known is None or time.monotonic() > known[0]:
            condition = items_only(self._session.models, *conditions)
            count = self._session.call("count", count_filter=condition, exact=True).count
            known = (time.monotonic() + KEPT_SECONDS, count)
            self._counts = {**dict(list(self._counts.items())[1 - KEPT :]), key: known}
        return known[1]

    def _check_fields(self, tree: Where) -> None:
        """Raise a ValueError for a field of the metadata that no item has, where there are items."""
        models = self._session.models
        for field in metadata_fields(tree):
            if field in self._fields or not self.state().items:
                continue
            match = models.FieldCondition(key="fields", match=models.MatchValue(value=field))
            if not self._session.call("count", count_filter=models.Filter(must=[match]), exact=True).count:
                raise unknown_field(field, sorted(self._values("fields")))
            self._fields.add(field)

    def _values(self, path: str) -> list[str]:
        """Return every value of a field of the payload."""
        return [str(hit.value) for hit in self._session.call("facet", path, limit=MOST_VALUES, exact=True).hits]

    def _scan(self, conditions: Any) -> Iterator[tuple[Any, int | str, dict[str, Any]]]:
        """Return key, id and metadata of every item that satisfies some conditions."""
        offset, condition = None, items_only(self._session.models, *conditions)
        while True:
            points, offset = self._session.call(
                "scroll", scroll_filter=condition, limit=1000, offset=offset, with_payload=["id", "metadata"]
            )
            for point in points:
                yield point.id, point.payload["id"], json.loads(point.payload.get("metadata", "{}"))
            if offset is None:
                return


def _is_unclear(found: list[list[Any]], k: int, limit: int) -> bool:
    """Whether points that were not returned may be as near as the k-th."""
    return any(
        len(hits) == limit and abs(hits[k - 1].score - hits[-1].score) <= EQUAL * abs(hits[k - 1].score)
        for hits in found
    )
