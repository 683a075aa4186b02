"""A graph of near rows, by usearch: half precision, half the memory of a graph with rows of its own.

It has no filters of its own, so it proposes more rows than asked for, and what is not selected is dropped.
"""

import threading
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.index.engines.faiss_graph import BUILD_EFFORT, EFFORTS, NEIGHBORS
from keras_similarity.index.engines.protocol import BuildStopped
from keras_similarity.index.engines.spaces import Space, prepared
from keras_similarity.index.rows import Floats, Matrix, Positions
from keras_similarity.index.selection import Selection

__all__ = ["UsearchGraph", "load_usearch"]

SLICE_ROWS = 2048
METRICS = {"inner_product": "ip", "squared_euclidean": "l2sq"}
MOST_PROPOSED = 4096  # rows looked at for a selection


class UsearchGraph:
    """HNSW over half-precision copies of the rows.

    Cost: 144 + 2 d bytes a row; building is O(n log n).
    """

    name: ClassVar[str] = "usearch"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)
    efforts: ClassVar[tuple[int, ...]] = EFFORTS

    def __init__(self, index: Any, space: Space, content: NDArray[np.uint8] | None = None) -> None:
        self._index = index
        self._space = space
        self._content = content  # a loaded graph lies in it
        self._lock = threading.Lock()  # the effort is a setting of the whole graph

    @classmethod
    def build(cls, matrix: Matrix, space: Space, stop: threading.Event) -> Self:
        """Link every row; see `SearchEngine.build`."""
        index = load_usearch().Index(
            ndim=matrix.shape[1],
            metric=METRICS[space.metric],
            dtype="f16",
            connectivity=NEIGHBORS,
            expansion_add=BUILD_EFFORT,
        )
        first = 0
        for rows in prepared(matrix, space, SLICE_ROWS):
            if stop.is_set():
                raise BuildStopped
            index.add(np.arange(first, first + len(rows)), rows)
            first += len(rows)
        return cls(index, space)

    def search(self, queries: Floats, k: int, effort: int, selection: Selection | None) -> Positions:
        """Walk the graph; see `SearchEngine.search`."""
        count = k
        if selection is not None:
            share = max(selection.count, 1) / len(selection.mask)
            count = min(int(1.5 * k / share) + 8, MOST_PROPOSED, len(self._index))
        with self._lock:
            self._index.expansion_search = max(effort, count)
            found = self._index.search(np.ascontiguousarray(self._space.queries(queries)), count)
        keys = np.asarray(found.keys).reshape(len(queries), -1)  # of one query, as many as were found
        counts = np.asarray(found.counts) if len(queries) > 1 else np.array([len(found.keys)])
        rows = np.full((len(queries), max(k, count)), -1, np.intp)
        rows[:, : keys.shape[1]] = np.where(np.arange(keys.shape[1]) < counts.reshape(-1, 1), keys.astype(np.intp), -1)
        return rows if selection is None else _selected(rows, selection, k)

    def effort_for(self, effort: int, k: int, share: float) -> int:
        """Keep more rows in sight for more neighbours; `search` itself asks for more where few are selected."""
        return min(effort * max(k, 10) // 10, self.efforts[-1])

    def dump(self) -> NDArray[np.uint8]:
        """Return the graph with its rows."""
        return np.frombuffer(self._index.save(), np.uint8)

    @classmethod
    def load(cls, content: NDArray[np.uint8], matrix: Matrix, space: Space) -> Self:
        """Use the graph where it lies; see `SearchEngine.load`."""
        index = load_usearch().Index.restore(content.data, view=True)
        if index is None or len(index) != len(matrix) or index.ndim != matrix.shape[1]:
            raise ValueError(f"this graph cannot stand for {len(matrix)} rows of {matrix.shape[1]} numbers")
        return cls(index, space, content)

    @property
    def bytes(self) -> int:
        """Memory of links and rows."""
        return int(self._index.serialized_length)


def load_usearch() -> Any:
    """Return the module of usearch; a MissingExtraError says what to install."""
    # Before usearch: loaded after it, faiss crashes where it makes lists (usearch 2.26, faiss 1.15).
    import faiss  # noqa: F401

    return import_extra("usearch.index", extra="usearch", purpose="the 'usearch' engine")


def _selected(rows: Positions, selection: Selection, k: int) -> Positions:
    """Keep the first k selected rows of each line, -1 after them."""
    kept = (rows >= 0) & selection.mask[rows]
    order = np.argsort(~kept, axis=1, kind="stable")[:, :k]
    return np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(rows, order, 1), -1)
