"""Every distance between queries and a gallery, in blocks that fit memory, without an index."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance, DotForm

__all__ = ["ExactDistances"]

BLOCK_BYTES = 2**27  # of distances at a time: a block of queries against the whole gallery
GALLERY_STEP = 2**12  # gallery rows widened to float64 at a time, which stay in the cache

Floats = NDArray[np.float32]
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

    def blocks(self, queries: Floats, rows: Rows) -> Iterator[tuple[Rows, Floats]]:
        """Yield some of the `rows` of `queries` `(p,)`, and their distances `(p, n)`, until all were there."""
        step = max(1, BLOCK_BYTES // (4 * max(1, len(self.gallery))))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            yield part, self._block(queries[part].astype(np.float64))

    def _block(self, queries: NDArray[np.float64]) -> Floats:
        distances = np.empty((len(queries), len(self.gallery)), np.float32)
        dots = self._distance.dots
        transformed = queries if dots is None else dots.query(queries)
        # A last column of ones meets the rows' biases, so that no pass over the scores adds them.
        widened = np.concatenate([transformed, np.ones((len(queries), 1))], axis=1)
        for start in range(0, len(self.gallery), GALLERY_STEP):
            part = slice(start, start + GALLERY_STEP)
            near = self.gallery[part].astype(np.float64)
            if dots is None:
                for row, query in enumerate(queries):
                    distances[row, part] = self._distance.between(query[None], near)
            else:
                distances[:, part] = dots.finish(widened @ _scored_rows(near, dots).T, transformed)
        return distances


def _scored_rows(rows: NDArray[np.float64], dots: DotForm) -> NDArray[np.float64]:
    """Return gallery rows times their scale, and their bias as one more column, `(n, d + 1)`."""
    scored = np.zeros((len(rows), rows.shape[1] + 1))
    scored[:, :-1] = rows
    if dots.row_scale is not None:
        scored[:, :-1] *= dots.row_scale(rows)[:, None]
    if dots.row_bias is not None:
        scored[:, -1] = dots.row_bias(rows)
    return scored
