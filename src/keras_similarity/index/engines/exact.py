"""Exact search: every query against every row, in blocks that fit memory. The oracle of every other engine."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import CANCELLATION, Distance, DotForm
from keras_similarity.index.engines.sketch import SKETCH_COLUMNS, Sketch
from keras_similarity.index.engines.topk import smallest_columns
from keras_similarity.index.vectors import Vectors

__all__ = ["ExactEngine"]

BLOCK_BYTES = 32 * 2**20  # of scores at a time
SKETCH_ELEMENTS = 2**19  # a gallery below 2 MB is read from the cache as quickly as its sketch
SLACK = 8  # extra candidates, so that rounding in a dot product cannot push a true neighbour out


class ExactEngine:
    """Search by computing every distance, over the rows an index already holds.

    Args:
        vectors: The index's rows; read, never copied.
        distance: Any distance.

    Cost: one pass over the rows a search: O(q n d) time, about 32 MB beside the rows.
    """

    name = "exact"

    def __init__(self, vectors: Vectors, distance: Distance) -> None:
        self._vectors = vectors
        self._distance = distance
        self._row_scale = np.empty(0, np.float32)
        self._row_bias = np.empty(0, np.float32)
        self._sketch: Sketch | None = None
        self._sketch_failures = 0  # in a row: data without a few main directions stop using it

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return rows and distances `(q, k)` of the nearest live rows; row -1 and +inf where there are fewer.

        Args:
            queries: C-contiguous float32 `(q, d)`, checked by the caller.
            k: ≥ 1.
        """
        total = len(self._vectors)
        take = min(k, self._vectors.live)
        rows = np.full((len(queries), k), -1, np.intp)
        distances = np.full((len(queries), k), np.inf, np.float32)
        if take == 0:
            return rows, distances
        step = max(1, BLOCK_BYTES // (4 * total))
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            rows[part, :take], distances[part, :take] = self._search_block(queries[part], take)
        return rows, distances

    def _search_block(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        dots = self._distance.dots
        if dots is None:
            return self._search_by_definition(queries, k)
        transformed = dots.query(queries)
        self._update_terms(dots)
        wanted = min(k + SLACK, self._vectors.live)
        found = self._search_sketch(transformed, wanted) if len(queries) == 1 else None
        rows, scores = found or self._search_all(transformed, wanted)
        distances = dots.finish(scores, transformed)
        if dots.magnitude is not None:
            self._sharpen(distances, dots.magnitude(transformed), queries, rows)
        order = np.lexsort((rows, distances))[:, :k]
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)

    def _search_all(self, transformed: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        scores = self._scored(transformed @ self._vectors.rows.T, slice(None))
        scores[:, self._vectors.removed] = np.inf
        rows = smallest_columns(scores, k)
        return rows, np.take_along_axis(scores, rows, axis=1)

    def _search_sketch(
        self, transformed: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
        """Answer one query from the rows that the sketch cannot rule out; None where it would not pay."""
        gallery = self._vectors.rows
        if gallery.size < SKETCH_ELEMENTS or gallery.shape[1] <= SKETCH_COLUMNS or self._sketch_failures > 3:
            return None
        if self._sketch is None or self._sketch.count < len(gallery):
            self._sketch = Sketch(gallery, self._row_scale, self._row_bias)
        bounds = self._sketch.lower_bounds(transformed[0])
        bounds[self._vectors.removed] = np.inf
        first = smallest_columns(bounds[None], k)[0]
        worst = self._scored(gallery[first] @ transformed[0], first).max()
        candidates = np.flatnonzero(bounds <= worst)
        if len(candidates) > len(gallery) // 8:
            self._sketch_failures += 1
            return None
        self._sketch_failures = 0
        scores = self._scored(gallery[candidates] @ transformed[0], candidates)[None]
        best = smallest_columns(scores, k)
        return candidates[best], np.take_along_axis(scores, best, axis=1)

    def _scored(self, products: NDArray[np.float32], rows: Any) -> NDArray[np.float32]:
        """Turn products with the chosen rows into scores, in place."""
        if len(self._row_scale):
            products *= self._row_scale[rows]
        if len(self._row_bias):
            products += self._row_bias[rows]
        return products

    def _update_terms(self, dots: DotForm) -> None:
        """Compute the terms of the rows that came since."""
        if dots.row_scale is not None:
            self._row_scale = self._extended(self._row_scale, dots.row_scale)
        if dots.row_bias is not None:
            self._row_bias = self._extended(self._row_bias, dots.row_bias)

    def _extended(
        self, known: NDArray[np.float32], term: Callable[[NDArray[np.float32]], NDArray[Any]]
    ) -> NDArray[np.float32]:
        if len(known) == len(self._vectors):
            return known
        return np.concatenate([known, term(self._vectors.rows[len(known) :]).astype(np.float32)])

    def _sharpen(
        self,
        distances: NDArray[np.float32],
        magnitude: NDArray[np.float32],
        queries: NDArray[np.float32],
        rows: NDArray[np.intp],
    ) -> None:
        """Replace the distances that cancellation blurred by their definition, in place."""
        query_of, column = np.nonzero(distances < CANCELLATION * magnitude[:, None])
        step = max(1, BLOCK_BYTES // (32 * queries.shape[1]))
        for start in range(0, len(query_of), step):
            pair = query_of[start : start + step], column[start : start + step]
            near = self._vectors.rows[rows[pair]].astype(np.float64)
            distances[pair] = self._distance.between(queries[pair[0]].astype(np.float64), near)

    def _search_by_definition(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        scores = np.stack([self._distance.between(query[None], self._vectors.rows) for query in queries])
        scores[:, self._vectors.removed] = np.inf
        rows = smallest_columns(scores, k)
        return rows, np.take_along_axis(scores, rows, axis=1).astype(np.float32)
