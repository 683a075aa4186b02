"""Arrays that grow at their end, so that what was seen of them before stays as it was."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Growing"]

MOST_SPARE = 2**20  # rows of room made beyond what is asked for


class Growing:
    """A growing array; `view` shows the rows so far, and an earlier view never changes.

    Args:
        rows: What it starts with, taken over without a copy.
    """

    def __init__(self, rows: NDArray[Any]) -> None:
        self._buffer = rows
        self._count = len(rows)

    @property
    def view(self) -> NDArray[Any]:
        """Every row so far."""
        return self._buffer[: self._count]

    @property
    def is_snug(self) -> bool:
        """Whether there is little room that no row has filled."""
        return len(self._buffer) <= self._count * 9 // 8

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows of the same shape; objects among numbers turn all into objects."""
        needed = self._count + len(rows)
        dtype = object if rows.dtype == object else self._buffer.dtype
        if needed > len(self._buffer) or dtype != self._buffer.dtype or not self._buffer.flags.writeable:
            capacity = max(needed, min(2 * self._count, self._count + MOST_SPARE))
            buffer = np.empty((capacity, *self._buffer.shape[1:]), dtype)
            buffer[: self._count] = self.view
            self._buffer = buffer
        self._buffer[self._count : needed] = rows
        self._count = needed
