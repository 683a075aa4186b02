"""Every distance between queries and a gallery, in blocks that fit memory, without an index."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance, DotForm, get_distance

__all__ = ["ExactDistances"]

BLOCK_BYTES = 2**28  # of distances at a time: few queries a block make matrix products slow, 33 twice as slow as 67
GALLERY_STEP = 2**12  # gallery rows widened to float64 at a time, which stay in the cache
ROUNDING = 128 * np.finfo(np.float64).eps  # of a product of rows: what is nearer than that is equal

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]
Rows = NDArray[np.intp]


class ExactDistances:
    """Every distance between queries and a gallery, as the definition gives it, by matrix products in float64.

    Args:
        gallery: Rows `(n, d)`.
        distance: Any distance.
    """

    def __init__(self, gallery: Floats, distance: Distance) -> None:
        self.gallery = gallery
        self._distance = distance
        # The root orders as the square does, and the square is a product of rows and a constant.
        self._rooted = distance.name == "euclidean"
        dots = get_distance("squared_euclidean").dots if self._rooted else distance.dots
        self._dots = None if dots is None or not _is_straight(dots, gallery.shape[1]) else dots

    def blocks(self, queries: Floats, rows: Rows) -> Iterator[tuple[Rows, Floats]]:
        """Yield some of the `rows` of `queries` `(p,)`, and their distances `(p, n)`, until all were there.

        The next block is written over the last one.
        """
        for part, scores in self.score_blocks(queries, rows):
            yield part, np.sqrt(scores, out=scores) if self._rooted else scores

    def score_blocks(self, queries: Floats, rows: Rows) -> Iterator[tuple[Rows, Floats]]:
        """Yield the same with numbers that order a query's items as their distances do, without taking roots."""
        step = max(1, BLOCK_BYTES // (4 * max(1, len(self.gallery))))
        memory = np.empty((min(step, len(rows)), len(self.gallery)), np.float32)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            wide, scores = queries[part].astype(np.float64), memory[: len(part)]
            if self._dots is None:
                self._by_definition(wide, scores)
            else:
                self._by_products(wide, self._dots, scores)
            yield part, scores

    def _by_definition(self, queries: Wide, scores: Floats) -> None:
        for part in self._parts():
            near = self.gallery[part].astype(np.float64)
            for row, query in enumerate(queries):
                scores[row, part] = self._distance.between(query[None], near)

    def _by_products(self, queries: Wide, dots: DotForm, scores: Floats) -> None:
        widened = _widened_queries(queries, dots)
        smallest = max(0.0, self._distance.range[0]) if np.isfinite(self._distance.range[0]) else -np.inf
        for part in self._parts():
            products = widened @ _widened_rows(self.gallery[part].astype(np.float64), dots).T
            np.maximum(products, smallest, out=scores[:, part], casting="same_kind")

    def _parts(self) -> list[slice]:
        return [slice(start, start + GALLERY_STEP) for start in range(0, len(self.gallery), GALLERY_STEP)]


def _is_straight(dots: DotForm, width: int) -> bool:
    """Whether distances are a straight line in the scores; a form of the user's own may bend them."""
    query = dots.query(np.arange(1.0, width + 1.0)[None])
    low, middle, high = (float(dots.finish(np.full((1, 1), score), query)[0, 0]) for score in (0.25, 0.5, 0.75))
    return abs(low + high - 2 * middle) <= ROUNDING * (abs(low) + abs(high))


def _widened_queries(queries: Wide, dots: DotForm) -> Wide:
    """Return the rows `(q, d + 2)` whose products with widened gallery rows are distances, without another pass.

    A distance is `finish(score) = slope · score + constant`; the constant is made smaller by what rounding may add, so
    that copies of a query are at 0, all of them.
    """
    transformed = dots.query(queries)
    none = np.zeros((len(queries), 1))
    constant = dots.finish(none, transformed)
    far = np.abs(constant) + 1.0
    slope = (dots.finish(far, transformed) - constant) / far
    return np.concatenate([slope * transformed, slope, constant - ROUNDING * np.abs(constant)], axis=1)


def _widened_rows(rows: Wide, dots: DotForm) -> Wide:
    """Return gallery rows times their scale, with their bias and a one as more columns, `(n, d + 2)`."""
    scored = np.zeros((len(rows), rows.shape[1] + 2))
    scored[:, :-2] = rows
    if dots.row_scale is not None:
        scored[:, :-2] *= dots.row_scale(rows)[:, None]
    if dots.row_bias is not None:
        scored[:, -2] = dots.row_bias(rows)
    scored[:, -1] = 1
    return scored
