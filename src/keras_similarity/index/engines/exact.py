"""Exact search: every query against every row, in blocks that fit memory. The oracle of every other engine."""

import math
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
FEW = 64  # rows whose definition is computed sooner than a score that would rule some of them out
SLACK = 8  # candidates beyond k: when the last of them is clearly farther than the k-th, none was missed

EPSILON = float(np.finfo(np.float32).eps)

Rows = NDArray[np.intp]
Floats = NDArray[np.float32]


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
        self._rows_known = 0
        self._largest_row = 0.0  # of norm times scale, and of the bias: how far rounding can move a score
        self._largest_bias = 0.0
        self._sketch: Sketch | None = None
        self._sketch_removed = 0  # of the removed rows, how many the sketch knows

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

    def _search_block(self, queries: Floats, k: int) -> tuple[Rows, Floats]:
        dots = self._distance.dots
        if dots is None:
            every = np.delete(np.arange(len(self._vectors)), self._vectors.removed)
            found = [self._by_definition(query, every, k) for query in queries]
            return np.stack([rows for rows, _ in found]), np.stack([distances for _, distances in found])
        self._update_terms(dots)
        transformed = dots.query(queries)
        if len(queries) == 1:
            rows, distances = self._search_one(queries[0], transformed[0], k)
            return rows[None], distances[None]
        return self._search_batch(queries, transformed, k, dots)

    def _search_batch(self, queries: Floats, transformed: Floats, k: int, dots: DotForm) -> tuple[Rows, Floats]:
        scores = self._scored(transformed @ self._vectors.rows.T, slice(None))
        scores[:, self._vectors.removed] = np.inf
        rows = smallest_columns(scores, min(k + SLACK, self._vectors.live))
        near = np.take_along_axis(scores, rows, axis=1)
        distances = dots.finish(near, transformed)
        if dots.magnitude is not None:
            self._sharpen(distances, dots.magnitude(transformed), queries, rows)
        order = np.lexsort((rows, distances))[:, :k]
        rows, distances = np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)
        # Where rounding could have pushed a neighbour out (many rows about equally near), look again at all of those.
        norms = np.sqrt(np.einsum("qd,qd->q", transformed, transformed))
        limits = near[:, k - 1] + self._rounding(norms, transformed.shape[1])
        for query in np.flatnonzero((near[:, -1] <= limits) & (near.shape[1] < self._vectors.live)):
            candidates = np.flatnonzero(scores[query] <= limits[query])
            rows[query], distances[query] = self._by_definition(queries[query], candidates, k)
        return rows, distances

    def _search_one(self, query: Floats, transformed: Floats, k: int) -> tuple[Rows, Floats]:
        square = float(transformed @ transformed)
        rounding = self._rounding(math.sqrt(square), len(transformed))
        rows = self._unruled(transformed, square, k, rounding)
        if rows is None:
            scores = self._scored(self._vectors.rows @ transformed, slice(None))
            scores[self._vectors.removed] = np.inf
            kth = scores[smallest_columns(scores[None], k)[0, -1]]
            rows = (scores <= kth + rounding).nonzero()[0]
        elif len(rows) > FEW:
            scores = self._score(rows, transformed)
            rows = rows[scores <= np.partition(scores, k - 1)[k - 1] + rounding]
        return self._by_definition(query, rows, k)

    def _unruled(self, transformed: Floats, square: float, k: int, rounding: float) -> Rows | None:
        """Return the rows that the sketch cannot rule out, or None where it would not pay."""
        gallery = self._vectors.rows
        if gallery.size < SKETCH_ELEMENTS or gallery.shape[1] <= SKETCH_COLUMNS:
            return None
        sketch = self._current_sketch(gallery)
        if not sketch.pays:
            return None
        rows = sketch.unruled(transformed, square, k, lambda rows: self._score(rows, transformed), rounding)
        if rows is None or sketch.count == len(gallery):
            return rows
        later = np.arange(sketch.count, len(gallery))  # rows that came since, a few
        return np.concatenate([rows, np.setdiff1d(later, self._vectors.removed)])

    def _current_sketch(self, gallery: Floats) -> Sketch:
        """Return a sketch of all rows but the last few, which knows every removed row."""
        removed = self._vectors.removed
        if self._sketch is None or len(gallery) > self._sketch.count * 9 // 8:
            self._sketch = Sketch(gallery, self._row_scale, self._row_bias)
            self._sketch_removed = 0
        if len(removed) != self._sketch_removed:
            self._sketch.forget(removed[removed < self._sketch.count])
            self._sketch_removed = len(removed)
        return self._sketch

    def _by_definition(self, query: Floats, rows: Rows, k: int) -> tuple[Rows, Floats]:
        """Return the k nearest of some rows, given ascending, by the distance's definition, equal ones in order."""
        step = max(1, BLOCK_BYTES // (32 * len(query)))
        wide = query.astype(np.float64)
        parts = [
            self._distance.between(wide, self._vectors.rows[rows[start : start + step]].astype(np.float64))
            for start in range(0, len(rows), step)
        ]
        distances = (parts[0] if len(parts) == 1 else np.concatenate(parts)).astype(np.float32)
        order = distances.argsort(kind="stable")[:k]
        return rows[order], distances[order]

    def _score(self, rows: Rows, transformed: Floats) -> Floats:
        return self._scored(self._vectors.rows[rows] @ transformed, rows)

    def _scored(self, products: Floats, rows: Any) -> Floats:
        """Turn products with the chosen rows into scores, in place."""
        if len(self._row_scale):
            products *= self._row_scale[rows]
        if len(self._row_bias):
            products += self._row_bias[rows]
        return products

    def _rounding(self, norms: Any, dim: int) -> Any:
        """Return how far apart two scores can be while rounding alone orders them, for queries of these norms."""
        # A vectorised sum of d products: chains of d / 16, and the steps that join them.
        steps = dim / 16 + 8
        return 2 * EPSILON * steps * (norms * self._largest_row + self._largest_bias)

    def _update_terms(self, dots: DotForm) -> None:
        """Compute the terms of the rows that came since."""
        if self._rows_known == len(self._vectors):
            return
        fresh = self._vectors.rows[self._rows_known :]
        sizes = np.sqrt(np.einsum("nd,nd->n", fresh, fresh))
        if dots.row_scale is not None:
            scale = dots.row_scale(fresh).astype(np.float32)
            self._row_scale = np.concatenate([self._row_scale, scale])
            sizes = sizes * scale
        if dots.row_bias is not None:
            bias = dots.row_bias(fresh).astype(np.float32)
            self._row_bias = np.concatenate([self._row_bias, bias])
            self._largest_bias = max(self._largest_bias, float(np.abs(bias).max()))
        self._largest_row = max(self._largest_row, float(sizes.max()))
        self._rows_known = len(self._vectors)

    def _sharpen(self, distances: Floats, magnitude: Floats, queries: Floats, rows: Rows) -> None:
        """Replace the distances that cancellation blurred by their definition, in place."""
        query_of, column = np.nonzero(distances < CANCELLATION * magnitude[:, None])
        step = max(1, BLOCK_BYTES // (32 * queries.shape[1]))
        for start in range(0, len(query_of), step):
            pair = query_of[start : start + step], column[start : start + step]
            near = self._vectors.rows[rows[pair]].astype(np.float64)
            distances[pair] = self._distance.between(queries[pair[0]].astype(np.float64), near)
