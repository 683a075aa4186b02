"""Exact search: every query against every row, in tiles that fit the cache. The oracle of every other engine."""

import math

import numpy as np

from keras_similarity.core.distances import CANCELLATION, Distance, DotForm
from keras_similarity.index.engines.pairs import WIDE_BYTES, pair_distances
from keras_similarity.index.engines.sketch import SKETCH_COLUMNS, Sketch
from keras_similarity.index.engines.terms import Terms
from keras_similarity.index.engines.topk import smallest, smallest_columns
from keras_similarity.index.rows import PART_ROWS, Floats, Matrix, Positions
from keras_similarity.index.selection import Selection

__all__ = ["SPARSE", "ExactEngine", "nearest_by_definition"]

TILE_BYTES = 8 * 2**20  # of scores at a time
TILE_ROWS = 2**14  # of the gallery at a time, more where k asks for it
SKETCH_ELEMENTS = 2**19  # a gallery below 2 MB is read from the cache as quickly as its sketch,
MOST_SKETCHED = 2**18  # and more rows than these have a graph: a sketch would cost more memory than its links save
FEW = 64  # rows whose definition is computed sooner than a score that would rule some of them out
SLACK = 8  # candidates beyond k: when the last of them is clearly farther than the k-th, none was missed
MOST_DEFINED = 128  # rows a query whose distances are all computed from the definition
FEW_QUERIES = 16  # whose product with the rows is made sooner the other way round and turned
SPARSE = 8  # where fewer than one row in so many may be found, these are gathered first

NONE = np.empty(0, np.intp)


class ExactEngine:
    """Search by computing every distance.

    It is bound to one matrix that may grow at its end, and remembers what it computed of its rows.

    Args:
        distance: Any distance.

    Cost: one pass over the rows a search: O(q n d) time, about 10 MB beside the rows.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(2, "manhattan", engine="exact")
        >>> ids = index.add([[0, 0], [3, 4]])
        >>> index.search([[1, 0]], k=2).distances.tolist()
        [[1.0, 6.0]]
    """

    name = "exact"

    def __init__(self, distance: Distance) -> None:
        self._distance = distance
        self._terms = Terms()
        self._sketch: Sketch | None = None

    def search(
        self, matrix: Matrix, queries: Floats, k: int, *, selection: Selection | None = None
    ) -> tuple[Positions, Floats]:
        """Return rows and distances `(q, m)` of the nearest rows, m the smaller of k and how many may be found.

        Args:
            matrix: The rows.
            queries: C-contiguous float32 `(q, d)`, checked by the caller.
            k: ≥ 1.
            selection: Which rows may be found; None for all.
        """
        found = len(matrix) if selection is None else selection.count
        k = min(k, found)
        if k == 0 or len(queries) == 0:
            return np.empty((len(queries), k), np.intp), np.empty((len(queries), k), np.float32)
        dots = self._distance.dots
        if dots is None:
            every = np.arange(len(matrix)) if selection is None else selection.rows
            pairs = [nearest_by_definition(self._distance, matrix, query, every, k) for query in queries]
            return np.stack([rows for rows, _ in pairs]), np.stack([distances for _, distances in pairs])
        terms = self._known_terms(matrix, dots)
        if selection is not None and found * SPARSE < len(matrix):
            rows = selection.rows
            inside = Scan(self._distance, dots, Matrix(matrix.take(rows)), terms.of(rows), NONE, None)
            places, distances = inside.search(queries, k)
            return rows[places], distances
        sketch = self._current_sketch(matrix, terms) if len(queries) == 1 else None
        hidden = NONE if selection is None else selection.hidden
        return Scan(self._distance, dots, matrix, terms, hidden, sketch).search(queries, k)

    def _known_terms(self, matrix: Matrix, dots: DotForm) -> Terms:
        terms = self._terms
        if terms.count < len(matrix):
            terms = self._terms = terms.of_more(matrix, dots)
        return terms

    def _current_sketch(self, matrix: Matrix, terms: Terms) -> Sketch | None:
        """Return a sketch of all rows but the last few, or None where it would not pay."""
        rows = matrix.whole
        if rows is None or rows.size < SKETCH_ELEMENTS or rows.shape[1] <= SKETCH_COLUMNS or len(rows) > MOST_SKETCHED:
            return None
        sketch = self._sketch
        if sketch is None or len(rows) > sketch.count * 9 // 8:
            sketch = self._sketch = Sketch(rows, terms.scale[: len(rows)], terms.bias[: len(rows)])
        return sketch if sketch.pays and sketch.count <= len(rows) else None


class Scan:
    """One search over one matrix, for a distance with a dot form."""

    def __init__(
        self,
        distance: Distance,
        dots: DotForm,
        matrix: Matrix,
        terms: Terms,
        hidden: Positions,
        sketch: Sketch | None,
    ) -> None:
        self.distance = distance
        self.dots = dots
        self.matrix = matrix
        self.terms = terms
        self.sketch = sketch
        self.hidden = hidden  # rows that must not be found, ascending

    def search(self, queries: Floats, k: int) -> tuple[Positions, Floats]:
        transformed = self.dots.query(queries)
        if len(queries) == 1:
            rows, distances = self.one(queries[0], transformed[0], k)
            return rows[None], distances[None]
        columns = min(len(self.matrix), max(TILE_ROWS, 8 * (k + SLACK)))
        step = max(1, TILE_BYTES // (4 * columns))
        parts = [
            self._tile(queries[start : start + step], transformed[start : start + step], k, columns)
            for start in range(0, len(queries), step)
        ]
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([distances for _, distances in parts])

    def _tile(self, queries: Floats, transformed: Floats, k: int, columns: int) -> tuple[Positions, Floats]:
        near, rows = self._lowest(transformed, k + SLACK, columns)
        distances = self._distances(near, queries, transformed, rows)
        order = np.lexsort((rows, distances))[:, :k]
        rows, distances = np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)
        # Where rounding could have pushed a neighbour out (many rows about equally near), look again at all of those.
        norms = np.sqrt(np.einsum("qd,qd->q", transformed, transformed))
        rounding = self.terms.rounding(norms, transformed.shape[1])
        beyond = np.inf if near.shape[1] >= len(self.matrix) - len(self.hidden) else near[:, -1]
        for query in np.flatnonzero(beyond <= near[:, k - 1] + rounding):
            rows[query], distances[query] = self.one(queries[query], transformed[query], k)
        return rows, distances

    def _distances(self, near: Floats, queries: Floats, transformed: Floats, rows: Positions) -> Floats:
        """Return distances from the definition; of very many rows only where their scores lost digits."""
        if rows.shape[1] <= MOST_DEFINED:
            return pair_distances(self.distance, self.matrix, queries, rows)
        distances = self.dots.finish(near, transformed)
        if self.dots.magnitude is not None:
            self._sharpen(distances, self.dots.magnitude(transformed), queries, rows)
        return distances

    def _lowest(self, transformed: Floats, count: int, columns: int) -> tuple[Floats, Positions]:
        """Return the lowest scores of each query and their rows, `(q, m)`, ascending; m up to `count`."""
        near, rows = np.empty((len(transformed), 0), np.float32), np.empty((len(transformed), 0), np.intp)
        for start in range(0, len(self.matrix), columns):
            stop = min(start + columns, len(self.matrix))
            scores = self.terms.scored(_products(transformed, self.matrix.part(start, stop)), slice(start, stop))
            first, last = np.searchsorted(self.hidden, (start, stop))
            scores[:, self.hidden[first:last] - start] = np.inf
            left = stop - start - int(last - first)
            if left == 0:
                continue
            places = smallest_columns(scores, min(count, left))
            near = np.concatenate([near, np.take_along_axis(scores, places, axis=1)], axis=1)
            rows = np.concatenate([rows, places + start], axis=1)
            if near.shape[1] > count or start:
                order = smallest(near, min(count, near.shape[1]))
                near, rows = np.take_along_axis(near, order, axis=1), np.take_along_axis(rows, order, axis=1)
        return near, rows

    def one(self, query: Floats, transformed: Floats, k: int) -> tuple[Positions, Floats]:
        """Return rows and distances `(k,)` of the nearest rows to one query."""
        square = float(transformed @ transformed)
        rounding = self.terms.rounding(math.sqrt(square), len(transformed))
        rows = None if self.sketch is None else self._unruled(self.sketch, transformed, square, k, rounding)
        if rows is None:
            scores = self._every_score(transformed)
            scores[self.hidden] = np.inf
            kth = scores[smallest_columns(scores[None], k)[0, -1]]
            rows = (scores <= kth + rounding).nonzero()[0]
        elif len(rows) > FEW:
            scores = self._score(rows, transformed)
            rows = rows[scores <= np.partition(scores, k - 1)[k - 1] + rounding]
        return nearest_by_definition(self.distance, self.matrix, query, rows, k)

    def _unruled(self, sketch: Sketch, transformed: Floats, square: float, k: int, rounding: float) -> Positions | None:
        """Return the rows that the sketch cannot rule out, or None where too few are left to tell."""
        rows = sketch.unruled(
            transformed, square, k, lambda rows: self._score(rows, transformed), rounding, self.hidden
        )
        if rows is None or sketch.count == len(self.matrix):
            return rows
        later = np.arange(sketch.count, len(self.matrix))  # rows that came since, a few
        return np.concatenate([rows, np.setdiff1d(later, self.hidden)])

    def _every_score(self, transformed: Floats) -> Floats:
        whole = self.matrix.whole
        if whole is not None:
            return self.terms.scored(whole @ transformed, slice(0, len(whole)))
        scores = np.empty(len(self.matrix), np.float32)
        for start in range(0, len(scores), PART_ROWS):
            part = self.matrix.part(start, start + PART_ROWS)
            np.matmul(part, transformed, out=scores[start : start + len(part)])
        return self.terms.scored(scores, slice(0, len(scores)))

    def _score(self, rows: Positions, transformed: Floats) -> Floats:
        return self.terms.scored(self.matrix.take(rows) @ transformed, rows)

    def _sharpen(self, distances: Floats, magnitude: Floats, queries: Floats, rows: Positions) -> None:
        """Replace the distances that cancellation blurred by their definition, in place."""
        query_of, column = np.nonzero(distances < CANCELLATION * magnitude[:, None])
        step = max(1, WIDE_BYTES // (8 * queries.shape[1]))
        for start in range(0, len(query_of), step):
            pair = query_of[start : start + step], column[start : start + step]
            near = self.matrix.take(rows[pair]).astype(np.float64)
            distances[pair] = self.distance.between(queries[pair[0]].astype(np.float64), near)


def _products(queries: Floats, rows: Floats) -> Floats:
    """Return the product of each query with each row `(q, n)`."""
    if len(queries) > FEW_QUERIES:
        return queries @ rows.T
    return np.ascontiguousarray((rows @ queries.T).T)


def nearest_by_definition(
    distance: Distance, matrix: Matrix, query: Floats, rows: Positions, k: int
) -> tuple[Positions, Floats]:
    """Return the k nearest of some rows, given ascending, by the distance's definition, equal ones in order."""
    step = max(1, WIDE_BYTES // (8 * len(query)))
    wide = query.astype(np.float64)
    parts = [
        distance.between(wide, matrix.take(rows[start : start + step]).astype(np.float64))
        for start in range(0, len(rows), step)
    ]
    distances = (parts[0] if len(parts) == 1 else np.concatenate(parts)).astype(np.float32)
    order = distances.argsort(kind="stable")[:k]
    return rows[order], distances[order]
