"""One bit for each number of a row: all rows are compared by differing bits, the best are scored by the index's rows.

A bit says on which side of the mean a number lies. Codes are 32 times smaller than the rows and compared eight bytes at
a time, so millions of them are read in milliseconds.
"""

import threading
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.efforts import effort_ladder
from keras_similarity.index.engines.faiss_memory import load_faiss, search_rows
from keras_similarity.index.engines.protocol import BuildStopped
from keras_similarity.index.engines.spaces import Space, prepared, training_rows
from keras_similarity.index.rows import Floats, Matrix, Positions
from keras_similarity.index.selection import Selection

__all__ = ["BinaryScan"]

SLICE_ROWS = 2**15
MOST_SCORED = 2**14
MEAN_ROWS = 2**16  # enough to find the middle of each number


class BinaryScan:
    """Every row as a string of bits.

    Cost: d / 8 bytes a row; a search is O(n d / 64), and scores `effort` rows.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(64, engine="binary", recall=0.9)
        >>> ids = index.add(np.random.default_rng(0).normal(size=(1500, 64)))
        >>> report = index.build()
        >>> report.engine, report.recall >= 0.9
        ('binary', True)
    """

    name: ClassVar[str] = "binary"
    metrics: ClassVar[tuple[str, ...]] = ("inner_product", "squared_euclidean")

    def __init__(self, codes: NDArray[np.uint8], mean: Floats, space: Space) -> None:
        self._codes = codes
        self._mean = mean
        self._space = space
        # To score more than a quarter of all rows is no saving.
        self.efforts: Sequence[int] = effort_ladder(16, max(16, min(MOST_SCORED, len(codes) // 4)))
        self._index: Any = load_faiss().IndexBinaryFlat(8 * codes.shape[1])
        self._index.use_heap = False  # but a counting sort: the distances are few whole numbers
        self._index.add(codes)

    @classmethod
    def build(cls, matrix: Matrix, space: Space, stop: threading.Event) -> Self:
        """Code every row; see `SearchEngine.build`."""
        mean = training_rows(matrix, space, MEAN_ROWS).mean(axis=0)
        codes = np.empty((len(matrix), -(-matrix.shape[1] // 8)), np.uint8)
        for number, rows in enumerate(prepared(matrix, space, SLICE_ROWS)):
            if stop.is_set():
                raise BuildStopped
            codes[number * SLICE_ROWS :][: len(rows)] = _bits(rows, mean)
        return cls(codes, mean, space)

    def search(self, queries: Floats, k: int, effort: int, selection: Selection | None) -> Positions:
        """Return the `effort` rows of the fewest differing bits; see `SearchEngine.search`."""
        queries = self._space.queries(queries)
        if self._space.metric == "inner_product":  # as long as the rows are on average: the mean is theirs
            length = np.sqrt(np.einsum("qd,qd->q", queries, queries))
            queries = queries / np.maximum(length, np.finfo(np.float32).tiny)[:, None]
        count = min(max(k, effort), len(self._codes))
        faiss = load_faiss()
        settings = None if selection is None else faiss.SearchParameters(sel=faiss.IDSelectorBitmap(selection.bits))
        return search_rows(self._index, _bits(queries, self._mean), count, settings)

    def effort_for(self, effort: int, k: int, share: float) -> int:
        """Score more rows for more neighbours; every row of a selection is compared anyway."""
        return min(effort * max(k, 10) // 10, self.efforts[-1])

    def dump(self) -> NDArray[np.uint8]:
        """Return the mean and the codes."""
        return np.concatenate([self._mean.view(np.uint8), self._codes.reshape(-1)])

    @classmethod
    def load(cls, content: NDArray[np.uint8], matrix: Matrix, space: Space) -> Self:
        """Read what `dump` returned; see `SearchEngine.load`."""
        rows, dim = matrix.shape
        width = -(-dim // 8)
        if content.nbytes != 4 * dim + rows * width:
            raise ValueError(f"{content.nbytes} bytes cannot be codes of {rows} rows of {dim} numbers")
        return cls(content[4 * dim :].reshape(rows, width), content[: 4 * dim].copy().view(np.float32), space)

    @property
    def bytes(self) -> int:
        """Memory of the codes."""
        return self._codes.nbytes


def _bits(rows: Floats, mean: Floats) -> NDArray[np.uint8]:
    return np.packbits(rows > mean, axis=1)
