"""Which rows may be found: a mask, and the forms of it that engines ask for, made once."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Selection"]

Mask = NDArray[np.bool_]


class Selection:
    """Rows that may be found.

    Args:
        mask: One entry per row; nobody changes it.
    """

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self._parts: dict[tuple[int, int], Selection] = {}

    @cached_property
    def count(self) -> int:
        """How many rows may be found."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """The numbers of these rows, ascending."""
        return np.flatnonzero(self.mask)

    @cached_property
    def hidden(self) -> NDArray[np.intp]:
        """The numbers of all other rows, ascending."""
        return np.flatnonzero(~self.mask)

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """The mask, eight rows a byte, the first in the lowest bit."""
        return np.packbits(self.mask, bitorder="little")

    def part(self, start: int, stop: int) -> "Selection":
        """Return the selection among rows start to stop."""
        if (start, stop) == (0, len(self.mask)):
            return self
        if (start, stop) not in self._parts:
            self._parts[start, stop] = Selection(self.mask[start:stop])
        return self._parts[start, stop]
