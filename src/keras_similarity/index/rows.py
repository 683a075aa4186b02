"""The rows of an index as one moment shows them: matrices that never change, and which of their rows are left.

A row's position is its place in that moment's matrices, one after the other. Adding makes a longer view, removing a
view with fewer live rows; whoever searches keeps the view he began with.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.results import Record
from keras_similarity.index.selection import Selection

__all__ = ["FLOATS", "PART_ROWS", "Block", "Floats", "Matrix", "Positions", "Records", "Rows", "as_float32"]

Floats = NDArray[np.float32]
Positions = NDArray[np.intp]
PART_ROWS = 4096  # rows read at a time: a part stays in the cache between the passes over it
# What rows are kept as, by the name of a storage. Bytes and bits are an engine's; it proposes, and halves decide.
FLOATS = {"float32": np.dtype(np.float32)} | dict.fromkeys(("float16", "int8", "binary"), np.dtype(np.float16))

# A half's bits, moved to where float32 has them: what is left is a factor between the two exponents' zeros.
HALF_BITS = np.array(0x8FFFE000, np.uint32).view(np.int32)[()]
HALF_SCALE = np.float32(2.0**112)


class Records(Protocol):
    """What is kept beside each position."""

    def at(self, position: int) -> tuple[Any, dict[str, Any] | None]:
        """Return the data and the metadata of a row."""
        ...

    def metadata(self, start: int, stop: int) -> Iterable[dict[str, Any] | None]:
        """Return the metadata of rows start to stop, to read only."""
        ...


class Matrix:
    """Rows of numbers in memory, read as float32.

    Args:
        rows: float32 or float16 `(n, d)`, C-contiguous, that nobody changes.
    """

    in_memory = True

    def __init__(self, rows: NDArray[Any]) -> None:
        self._rows = rows
        self.shape: tuple[int, int] = rows.shape
        self.dtype = rows.dtype
        self.nbytes = rows.nbytes

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def rows(self) -> NDArray[Any]:
        """Every row, in the type it is kept in."""
        return self._rows

    @property
    def whole(self) -> Floats | None:
        """Every row at once, when that costs nothing."""
        return self._rows if self.dtype == np.float32 else None

    def part(self, start: int, stop: int) -> Floats:
        """Return rows start to stop."""
        return as_float32(self._rows[start:stop])

    def take(self, rows: Positions) -> Floats:
        """Return the chosen rows."""
        return as_float32(self._rows.take(rows, axis=0))


def as_float32(rows: NDArray[Any]) -> Floats:
    """Return finite float16 or float32 rows as float32; NumPy's own cast of halves takes four times as long."""
    if rows.dtype == np.float32:
        return rows
    bits = np.ascontiguousarray(rows).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= HALF_BITS
    floats = bits.view(np.float32)
    floats *= HALF_SCALE
    return floats


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows that lie together and are searched together.

    Args:
        matrix: The vectors.
        scan: What exact search remembers about them, shared by every moment of this block.
        graph: An approximate engine built over them, or None.
    """

    matrix: Matrix
    scan: Any
    graph: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """All rows at one moment.

    Args:
        blocks: In order.
        ids: Id of each position, an array or what is indexed like one.
        codes: Label code of each position, likewise.
        records: What is kept beside them.
        live: Which positions are not removed, `(n,)`, or None when all are left.
        generation: Grows by one with every change.
        layout: Grows by one when rows move to other positions.
    """

    blocks: tuple[Block, ...]
    ids: Any
    codes: Any
    records: Records
    live: NDArray[np.bool_] | None = None
    generation: int = 0
    layout: int = 0
    starts: tuple[int, ...] = field(init=False)
    live_count: int = field(init=False)
    selection: Selection | None = field(init=False)

    def __post_init__(self) -> None:
        starts = [0]
        for block in self.blocks:
            starts.append(starts[-1] + len(block.matrix))
        object.__setattr__(self, "starts", tuple(starts))
        selection = None if self.live is None else Selection(self.live)
        object.__setattr__(self, "selection", selection)
        object.__setattr__(self, "live_count", starts[-1] if selection is None else selection.count)

    def __len__(self) -> int:
        """Count the positions, removed ones included."""
        return self.starts[-1]

    def live_positions(self) -> Positions:
        """Return the positions of the rows that are left, ascending."""
        return np.arange(len(self)) if self.selection is None else self.selection.rows

    def take(self, positions: Positions) -> Floats:
        """Return the vectors at some positions, `(m, d)` float32."""
        if len(self.blocks) == 1:
            return self.blocks[0].matrix.take(positions)
        found = np.empty((len(positions), self.blocks[0].matrix.shape[1]), np.float32)
        owner = np.searchsorted(self.starts, positions, side="right") - 1
        for number in np.unique(owner).tolist():
            mine = owner == number
            found[mine] = self.blocks[number].matrix.take(positions[mine] - self.starts[number])
        return found

    def vectors(self) -> NDArray[Any]:
        """Return every row in the type it is kept in, removed ones included."""
        parts = [block.matrix.rows for block in self.blocks]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def record(self, position: int, label: Hashable | None) -> Record:
        """Return the item at a position."""
        chosen = np.array([position])
        item_id = self.ids[chosen].tolist()[0]
        return Record(item_id, label, self.take(chosen)[0], *self.records.at(position))
