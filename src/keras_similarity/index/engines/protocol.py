"""What an index asks of an approximate engine. It proposes rows; it owns neither ids nor distances."""

import threading
from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.engines.spaces import Space
from keras_similarity.index.rows import Floats, Matrix, Positions
from keras_similarity.index.selection import Selection

__all__ = ["BuildStopped", "SearchEngine"]


class BuildStopped(Exception):
    """The index was closed while an engine was being built."""


class SearchEngine(Protocol):
    """An approximate engine over the rows of one matrix, which never change.

    Everything it is given was checked: float32, C-contiguous, finite, k at most the number of rows.

    Example:
        >>> from keras_similarity.index.engines import APPROXIMATE
        >>> sorted(name for name, engine in APPROXIMATE.items() if "inner_product" in engine.metrics)
        ['binary', 'faiss', 'faiss-int8', 'faiss-ivf', 'faiss-pq', 'usearch']
    """

    name: str
    metrics: tuple[str, ...]  # the orders it knows
    efforts: Sequence[int]  # settings of a search, from quick to thorough

    @classmethod
    def build(cls, matrix: Matrix, space: Space, stop: threading.Event) -> Self:
        """Build it over every row.

        Raises:
            BuildStopped: `stop` was set.
        """
        ...

    def search(self, queries: Floats, k: int, effort: int, selection: Selection | None) -> Positions:
        """Return up to k rows of the selection for each query, `(q, k)`, likeliest first, -1 where there are fewer."""
        ...

    def effort_for(self, effort: int, k: int, share: float) -> int:
        """Return the effort for another k than the 10 it was found with, where a share of the rows may be found."""
        ...

    def dump(self) -> NDArray[np.uint8]:
        """Return what `load` needs beside the rows."""
        ...

    @classmethod
    def load(cls, content: NDArray[np.uint8], matrix: Matrix, space: Space) -> Self:
        """Rebuild what `dump` returned. The content was checked by its checksum.

        Raises:
            ValueError: it belongs to other rows.
        """
        ...

    @property
    def bytes(self) -> int:
        """Memory it takes beside the rows."""
        ...
