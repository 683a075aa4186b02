"""A graph of near rows, by faiss (HNSW): the quickest way to the nearest of many rows that a trained model made.

The rows stay where they are: in the index's memory or in its mapped file. Only where the distance needs them otherwise
(cosine of rows that are no unit rows, SNR), or where `int8` asks for it, does the graph hold its own.
"""

import threading
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.efforts import effort_ladder
from keras_similarity.index.engines.entries import Entries
from keras_similarity.index.engines.faiss_memory import (
    OneQuery,
    Parameters,
    load_faiss,
    read_index,
    search_rows,
    show_codes,
    to_bytes,
    walk,
)
from keras_similarity.index.engines.protocol import BuildStopped
from keras_similarity.index.engines.spaces import Space, prepared, training_rows
from keras_similarity.index.rows import Floats, Matrix, Positions
from keras_similarity.index.selection import Selection

__all__ = ["EFFORTS", "METRICS", "FaissGraph", "FaissGraphInt8"]

NEIGHBORS = 16  # links of a row, twice as many on the lowest level
BUILD_EFFORT = 128  # rows looked at to link one
SLICE_ROWS = 2048  # rows linked between two looks at whether to stop
TRAINING_ROWS = 2**16  # to find the range of each number
ENTRY_ROWS = 2**18  # from which on a walk's beginning is looked for among a sample of the rows: below, that costs more
METRICS = {"inner_product": "METRIC_INNER_PRODUCT", "squared_euclidean": "METRIC_L2", "manhattan": "METRIC_L1"}


EFFORTS = effort_ladder(10, 4096)


class FaissGraph:
    """HNSW over the rows of a matrix.

    Cost: about 144 bytes a row beside the rows; building is O(n log n), some 100 to 300 µs of CPU a row.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(8, engine="faiss")
        >>> ids = index.add(np.random.default_rng(0).normal(size=(1500, 8)))
        >>> report = index.build()
        >>> report.engine, report.recall >= 0.99
        ('faiss', True)

    References:
        Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
        Small World graphs, 2016, arXiv:1603.09320.
    """

    name: ClassVar[str] = "faiss"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)
    efforts: ClassVar[tuple[int, ...]] = EFFORTS
    own_codes: ClassVar[bool] = False
    oversample: ClassVar[int] = 1

    def __init__(
        self, index: Any, matrix: Matrix, space: Space, *, shares_rows: bool, kept: tuple[Any, ...] = ()
    ) -> None:
        self._index = index
        self._space = space
        self._shares_rows = shares_rows
        self._entries = Entries(matrix, space) if len(matrix) >= ENTRY_ROWS else None
        self._one = OneQuery(index)
        self._parameters = Parameters("SearchParametersHNSW", "efSearch")
        self._kept = kept  # what faiss holds pointers to

    @classmethod
    def build(cls, matrix: Matrix, space: Space, stop: threading.Event) -> Self:
        """Link every row; see `SearchEngine.build`."""
        halves_fit = matrix.dtype == np.float32 or space.metric != "manhattan"  # faiss has no Manhattan over halves
        plain = not cls.own_codes and halves_fit and space.is_plain(matrix)
        index = cls._empty(matrix, space, plain)
        index.hnsw.efConstruction = BUILD_EFFORT
        if not index.is_trained:
            index.train(training_rows(matrix, space, TRAINING_ROWS))
        for rows in prepared(matrix, space, SLICE_ROWS):
            if stop.is_set():
                raise BuildStopped
            index.add(rows)
        if not plain:
            return cls(index, matrix, space, shares_rows=False)
        return cls.load(to_bytes(index, with_vectors=False), matrix, space)

    def search(self, queries: Floats, k: int, effort: int, selection: Selection | None) -> Positions:
        """Walk the graph; see `SearchEngine.search`. `effort` is how many rows a walk keeps in sight."""
        count = min(k * self.oversample, self._index.ntotal)
        settings = self._parameters(max(effort, count), selection)
        queries = self._space.queries(queries)
        if self._entries is not None:
            return walk(self._index, queries, count, settings, self._entries.nearest(queries))
        if len(queries) == 1:
            return self._one.search(queries, count, settings)
        return search_rows(self._index, queries, count, settings)

    def effort_for(self, effort: int, k: int, share: float) -> int:
        """Keep as many rows in sight as there are likely to be enough of the selection among."""
        if share == 1 and k <= 10:
            return effort
        reach = effort * max(k, 10) / 10
        return int(min(reach if share == 1 else max(reach, 3 * k) / share, self.efforts[-1]))

    def dump(self) -> NDArray[np.uint8]:
        """Return the links, and the rows where they are its own."""
        return to_bytes(self._index, with_vectors=not self._shares_rows)

    @classmethod
    def load(cls, content: NDArray[np.uint8], matrix: Matrix, space: Space) -> Self:
        """Put the links over the rows; see `SearchEngine.load`."""
        index = read_index(content, len(matrix))
        if index.ntotal != len(matrix) or index.d != matrix.shape[1]:
            raise ValueError(f"a graph of {index.ntotal} rows cannot lie over {len(matrix)} rows")
        if index.storage is not None:
            return cls(index, matrix, space, shares_rows=False, kept=(content,))
        flat = _flat(matrix, space)
        show_codes(flat, matrix.rows)
        index.storage = flat
        index.own_fields = False
        return cls(index, matrix, space, shares_rows=True, kept=(flat, matrix.rows, content))

    @property
    def bytes(self) -> int:
        """Memory of the links, and of rows of its own."""
        faiss = load_faiss()
        graph = self._index.hnsw
        links = 4 * graph.neighbors.size() + 8 * graph.offsets.size() + 4 * graph.levels.size()
        own = 0 if self._shares_rows else self._index.ntotal * faiss.downcast_index(self._index.storage).code_size
        return links + own

    @classmethod
    def _empty(cls, matrix: Matrix, space: Space, plain: bool) -> Any:
        faiss = load_faiss()
        metric = getattr(faiss, METRICS[space.metric])
        if plain and matrix.dtype == np.float16:
            return faiss.IndexHNSWSQ(matrix.shape[1], faiss.ScalarQuantizer.QT_fp16, NEIGHBORS, metric)
        return faiss.IndexHNSWFlat(matrix.shape[1], NEIGHBORS, metric)


class FaissGraphInt8(FaissGraph):
    """HNSW over one byte for each number, for when rows lie on disk; what it proposes is scored by the rows.

    Cost: 144 + d bytes a row.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(8, engine="faiss-int8")
        >>> ids = index.add(np.random.default_rng(0).normal(size=(1500, 8)))
        >>> report = index.build()
        >>> report.engine, report.recall >= 0.99
        ('faiss-int8', True)
    """

    name: ClassVar[str] = "faiss-int8"
    metrics: ClassVar[tuple[str, ...]] = ("inner_product", "squared_euclidean")
    own_codes: ClassVar[bool] = True
    oversample: ClassVar[int] = 2

    @classmethod
    def _empty(cls, matrix: Matrix, space: Space, plain: bool) -> Any:
        faiss = load_faiss()
        metric = getattr(faiss, METRICS[space.metric])
        return faiss.IndexHNSWSQ(matrix.shape[1], faiss.ScalarQuantizer.QT_8bit, NEIGHBORS, metric)


def _flat(matrix: Matrix, space: Space) -> Any:
    faiss = load_faiss()
    metric = getattr(faiss, METRICS[space.metric])
    if matrix.dtype == np.float16:
        return faiss.IndexScalarQuantizer(matrix.shape[1], faiss.ScalarQuantizer.QT_fp16, metric)
    return faiss.IndexFlat(matrix.shape[1], metric)
