"""The rows of an index: append-only, so that a row number means the same row for ever; removed rows are marked."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Vectors"]


class Vectors:
    """A growing matrix of float32 rows, some of them removed.

    Args:
        dim: Width of a row.
    """

    def __init__(self, dim: int) -> None:
        self._buffer = np.empty((0, dim), np.float32)
        self._count = 0
        self._removed = np.empty(0, np.intp)

    @classmethod
    def adopt(cls, rows: NDArray[np.float32], removed: NDArray[np.intp]) -> "Vectors":
        """Take over rows `(n, d)` that nobody else will change, without a copy."""
        vectors = cls(rows.shape[1])
        vectors._buffer, vectors._count, vectors._removed = rows, len(rows), removed
        return vectors

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> NDArray[np.float32]:
        """Every row ever added, `(n, d)`, removed ones included."""
        return self._buffer[: self._count]

    @property
    def removed(self) -> NDArray[np.intp]:
        """The numbers of the removed rows, ascending."""
        return self._removed

    @property
    def live(self) -> int:
        """How many rows are not removed."""
        return self._count - len(self._removed)

    def append(self, vectors: NDArray[np.float32]) -> NDArray[np.intp]:
        """Add rows and return their numbers."""
        needed = self._count + len(vectors)
        if needed > len(self._buffer):
            capacity = max(needed, min(2 * self._count, self._count + 2**20))
            buffer = np.empty((capacity, self._buffer.shape[1]), np.float32)
            buffer[: self._count] = self.rows
            self._buffer = buffer
        self._buffer[self._count : needed] = vectors
        first, self._count = self._count, needed
        return np.arange(first, needed)

    def remove(self, rows: NDArray[np.intp]) -> None:
        """Mark rows as removed."""
        self._removed = np.union1d(self._removed, rows)
