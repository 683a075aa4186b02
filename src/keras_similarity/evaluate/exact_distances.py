"""Every distance between queries and a gallery, in blocks that fit memory, without an index."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance

__all__ = ["ExactDistances"]

BLOCK_BYTES = 2**26  # of distances at a time: a block of queries against the whole gallery
GALLERY_STEP = 2**13  # gallery rows widened to float64 at a time, which stay in the cache

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
        self._terms: dict[str, NDArray[np.float64]] = {}
        if distance.dots is not None:
            for name in ("row_scale", "row_bias"):
                term = getattr(distance.dots, name)
                if term is not None:
                    parts = [term(gallery[part].astype(np.float64)) for part in self._parts()]
                    self._terms[name] = np.concatenate([*parts, np.empty(0)])

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
        for part in self._parts():
            near = self.gallery[part].astype(np.float64)
            if dots is None:
                for row, query in enumerate(queries):
                    distances[row, part] = self._distance.between(query[None], near)
                continue
            scores = transformed @ near.T
            if "row_scale" in self._terms:
                scores *= self._terms["row_scale"][part]
            if "row_bias" in self._terms:
                scores += self._terms["row_bias"][part]
            distances[:, part] = dots.finish(scores, transformed)
        return distances

    def _parts(self) -> list[slice]:
        return [slice(start, start + GALLERY_STEP) for start in range(0, len(self.gallery), GALLERY_STEP)]
