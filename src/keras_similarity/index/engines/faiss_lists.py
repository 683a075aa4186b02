"""Rows in lists around centres, coded short, by faiss (IVF): built in a fraction of a graph's time, for very many rows.

A search looks into the lists nearest to the query. Codes propose more rows than asked for; the index scores these by
its own rows.
"""

import math
import threading
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.efforts import effort_ladder
from keras_similarity.index.engines.faiss_graph import METRICS
from keras_similarity.index.engines.faiss_memory import Parameters, load_faiss, read_index, search_rows, to_bytes
from keras_similarity.index.engines.protocol import BuildStopped
from keras_similarity.index.engines.spaces import Space, prepared, training_rows
from keras_similarity.index.rows import Floats, Matrix, Positions
from keras_similarity.index.selection import Selection

__all__ = ["FaissLists", "FaissProducts"]

SLICE_ROWS = 2**15  # rows coded between two looks at whether to stop
ROWS_A_CENTRE = 64  # to find it
NUMBERS_A_BYTE = 4  # of a product code


class FaissLists:
    """Lists with one byte for each number of a row.

    Cost: d + 8 bytes a row; building is O(n √n), some 10 µs of CPU a row.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(8, engine="faiss-ivf")
        >>> ids = index.add(np.random.default_rng(0).normal(size=(1500, 8)))
        >>> report = index.build()
        >>> report.engine, report.recall >= 0.99
        ('faiss-ivf', True)

    References:
        Jégou, Douze and Schmid, Product Quantization for Nearest Neighbor Search, 2011, IEEE TPAMI 33(1), section IV.
    """

    name: ClassVar[str] = "faiss-ivf"
    metrics: ClassVar[tuple[str, ...]] = ("inner_product", "squared_euclidean")
    oversample: ClassVar[int] = 2

    def __init__(self, index: Any, space: Space, content: NDArray[np.uint8] | None = None) -> None:
        self._index = index
        self._space = space
        self._content = content  # faiss holds pointers into it
        self._parameters = Parameters("SearchParametersIVF", "nprobe")
        self.efforts: Sequence[int] = effort_ladder(1, max(1, index.nlist))

    @classmethod
    def build(cls, matrix: Matrix, space: Space, stop: threading.Event) -> Self:
        """Find centres, then code every row; see `SearchEngine.build`."""
        faiss = load_faiss()
        lists = max(1, min(int(4 * math.sqrt(len(matrix))), len(matrix) // ROWS_A_CENTRE))
        codes = cls._codes(matrix.shape[1])
        index = faiss.index_factory(matrix.shape[1], f"IVF{lists},{codes}", getattr(faiss, METRICS[space.metric]))
        cls._be_silent(index)
        index.train(training_rows(matrix, space, max(ROWS_A_CENTRE * lists, 2**14)))
        for rows in prepared(matrix, space, SLICE_ROWS):
            if stop.is_set():
                raise BuildStopped
            index.add(rows)
        return cls(index, space)

    def search(self, queries: Floats, k: int, effort: int, selection: Selection | None) -> Positions:
        """Look into `effort` lists; see `SearchEngine.search`."""
        count = min(k * self.oversample, self._index.ntotal)
        settings = self._parameters(min(effort, self._index.nlist), selection)
        return search_rows(self._index, self._space.queries(queries), count, settings)

    def effort_for(self, effort: int, k: int, share: float) -> int:
        """Look into as many lists as there are likely to be enough rows of the selection in."""
        lists = effort if share == 1 else max(effort, 3 * k * self._index.nlist / self._index.ntotal) / share
        return int(min(-(-lists * max(k, 10) // 10), self._index.nlist))

    def dump(self) -> NDArray[np.uint8]:
        """Return centres, lists and codes."""
        return to_bytes(self._index, with_vectors=True)

    @classmethod
    def load(cls, content: NDArray[np.uint8], matrix: Matrix, space: Space) -> Self:
        """Read what `dump` returned; see `SearchEngine.load`."""
        index = read_index(content, len(matrix))
        if index.ntotal != len(matrix) or index.d != matrix.shape[1]:
            raise ValueError(f"lists of {index.ntotal} rows cannot stand for {len(matrix)} rows")
        return cls(index, space, content)

    @property
    def bytes(self) -> int:
        """Memory of codes, row numbers and centres."""
        index = self._index
        return index.ntotal * (index.code_size + 8) + 4 * index.nlist * index.d

    @classmethod
    def _codes(cls, dim: int) -> str:
        return "SQ8"

    @classmethod
    def _be_silent(cls, index: Any) -> None:
        """Keep faiss from printing that there are few rows to find the centres with."""
        index.cp.min_points_per_centroid = 1


class FaissProducts(FaissLists):
    """Lists with one byte for four numbers of a row: where memory is short.

    Cost: d / 4 + 8 bytes a row. Recall is bought back by scoring eight times as many rows as asked for.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(8, engine="faiss-pq")
        >>> ids = index.add(np.random.default_rng(0).normal(size=(1500, 8)))
        >>> report = index.build()
        >>> report.engine, report.bytes < 1500 * 8 * 4
        ('faiss-pq', True)
    """

    name: ClassVar[str] = "faiss-pq"
    oversample: ClassVar[int] = 8

    @classmethod
    def _codes(cls, dim: int) -> str:
        parts = next(count for count in range(max(1, dim // NUMBERS_A_BYTE), 0, -1) if dim % count == 0)
        return f"PQ{parts}x8np"  # "np": without the training for polysemous codes, which nobody uses here

    @classmethod
    def _be_silent(cls, index: Any) -> None:
        super()._be_silent(index)
        index.pq.cp.min_points_per_centroid = 1
