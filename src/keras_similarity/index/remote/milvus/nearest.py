"""The nearest rows, asked of Milvus, or found here among all rows that a filter leaves.

Milvus orders, and returns distances in float32. Which of many equally near rows come is the server's choice, so more
are asked for where the last one returned is as near as the k-th.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.index.engines.exact import ExactEngine
from keras_similarity.index.remote.keys import id_of
from keras_similarity.index.remote.milvus.items import pages
from keras_similarity.index.remote.milvus.schema import METRICS
from keras_similarity.index.remote.milvus.session import Session
from keras_similarity.index.remote.milvus.state import State
from keras_similarity.index.remote.results import Found, ranked
from keras_similarity.index.rows import Floats, Matrix

__all__ = ["MOST_LIMIT", "Search", "block_size", "check_distance", "joined", "nearest", "scanned"]

MOST_LIMIT = 16_384  # neighbours that Milvus returns for a query
MOST_EFFORT = 32_768  # its largest ef
MOST_QUERIES = 256  # of one call
BLOCK_NUMBERS = 2**17  # neighbours of one call
SPARE = 4  # rows asked for beyond k
FEW_ALLOWED = 2000  # rows that are read at once
WIDER = 4  # times as many, where it is not clear which are the nearest
EQUAL = 1e-6  # of a distance: what float32 does not tell apart

# Milvus's numbers to ours.
FINISH: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "cosine": lambda scores: np.clip(1 - scores, 0, 2),
    "euclidean": lambda scores: np.sqrt(np.maximum(scores, 0)),
    "squared_euclidean": lambda scores: np.maximum(scores, 0),
    "inner_product": lambda scores: -scores,
}


@dataclass(frozen=True, slots=True)
class Search:
    """How to ask.

    Args:
        distance: What compares.
        condition: Which rows may be found.
        k: How many.
        effort: ef, 0 where the server looks at every row.
        allowed: About how many rows the condition leaves.
        slices: How many searches to make of it, each among a part of the rows.
    """

    distance: Distance
    condition: str
    k: int
    effort: int
    allowed: int = MOST_LIMIT
    slices: int = 1

    def params(self, limit: int) -> dict[str, Any]:
        """Return the settings of a search for so many neighbours."""
        effort = min(max(self.effort, limit), MOST_EFFORT)
        return {
            "metric_type": METRICS[self.distance.name],
            "params": {"ef": effort} if self.effort else {},
        }


def check_distance(distance: Distance) -> None:
    """Raise a ValueError for a distance that Milvus lacks."""
    check_choice(distance.name, METRICS, name="distance", hint="An index in a folder or in memory has every distance.")


def block_size(k: int) -> int:
    """Return how many queries to ask at a time."""
    return max(1, min(MOST_QUERIES, BLOCK_NUMBERS // k))


def nearest(session: Session, search: Search, queries: Floats) -> Found:
    """Return the nearest rows of queries `(q, d)`, q ≥ 1, as Milvus finds them."""
    limit = min(search.k + SPARE, MOST_LIMIT)
    found = _asked(session, search, queries, limit)
    while limit < MOST_LIMIT and _is_unclear(found, search.k, limit):
        limit = min(WIDER * limit, MOST_LIMIT)
        found = _asked(session, search, queries, limit)
    return _as_found(found, search, len(queries))


def _asked(session: Session, search: Search, queries: Floats, limit: int) -> list[Any]:
    """Return for each query what pymilvus makes of its rows: their keys, distances and fields."""
    return session.search(queries, search.condition, limit, search.params(limit), ["id", "label"])


def _is_unclear(found: list[Any], k: int, limit: int) -> bool:
    """Whether rows that were not returned may be as near as the k-th."""
    for hits in found:
        if len(hits.distances) == limit:
            near, last = hits.distances[k - 1], hits.distances[-1]
            if abs(near - last) <= EQUAL * abs(near):
                return True
    return False


def _as_found(found: list[Any], search: Search, count: int) -> Found:
    owners = np.repeat(np.arange(count), [len(hits.ids) for hits in found])
    scores = np.array([score for hits in found for score in hits.distances], np.float64)
    gaps = FINISH[search.distance.name](scores).astype(np.float32)
    seqs = np.array([seq for hits in found for seq in hits.ids], np.int64)
    fields = [hit["entity"] for hits in found for hit in hits]
    return Found(
        [id_of(field["id"]) for field in fields],
        np.array([field["label"] for field in fields], np.int32),
        seqs,
        *ranked(owners, gaps, seqs, count, search.k),
    )


def joined(parts: list[Found], k: int) -> Found:
    """Return the nearest rows of several searches for the same queries, of rows apart."""
    starts = np.cumsum([0, *(len(part.ids) for part in parts)])
    positions = [
        np.where(part.positions < 0, -1, part.positions + start) for part, start in zip(parts, starts, strict=False)
    ]
    places, distances = np.concatenate(positions, axis=1), np.concatenate([part.distances for part in parts], axis=1)
    seqs = np.concatenate([part.seqs for part in parts])
    order = np.lexsort((np.append(seqs, 0)[places], distances))[:, :k]
    return Found(
        [item_id for part in parts for item_id in part.ids],
        np.concatenate([part.codes for part in parts]),
        seqs,
        np.take_along_axis(places, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
    )


def scanned(session: Session, state: State, search: Search, queries: Floats) -> Found:
    """Return the nearest rows of queries, by reading every row that may be found.

    Cost: those rows over the network, a page at a time.
    """
    ids: list[int | str] = []
    codes, seqs, owners, gaps = [], [], [], []
    for page in pages(session, state, queries.shape[1], search.condition, few=search.allowed <= FEW_ALLOWED):
        rows, distances = ExactEngine(search.distance).search(Matrix(page.vectors), queries, search.k)
        kept = np.unique(rows)
        place = np.searchsorted(kept, rows) + len(ids)
        ids += [page.ids[row] for row in kept.tolist()]
        codes.append(page.codes[kept])
        seqs.append(np.array(page.seqs, np.int64)[kept])
        owners.append(np.repeat(np.arange(len(queries)), rows.shape[1]))
        gaps.append((place.ravel(), distances.ravel()))
    if not ids:
        none = np.empty(0, np.int64)
        nothing = ranked(none.astype(np.intp), none.astype(np.float32), none, len(queries), search.k)
        return Found([], none.astype(np.int32), none, *nothing)
    every = np.concatenate(seqs)
    places = np.concatenate([place for place, _ in gaps])
    distances = np.concatenate([gap for _, gap in gaps])
    positions, near = ranked(np.concatenate(owners), distances, every[places], len(queries), search.k)
    positions = np.append(places, -1)[positions]  # a missing one is -1: the last entry
    return Found(ids, np.concatenate(codes), every, positions, near)
