"""What the database says: its rows, the state of the whole, and the checksums that guard both."""

import json
import zlib
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.stores.disk.segments import SegmentName

__all__ = ["Item", "State", "crc_of", "data_crc", "is_sound_pending", "mix", "pending_row"]

MIX = np.uint64(0x9E3779B97F4A7C15)


class Item(NamedTuple):
    """A row of the table of items, in the order of its columns."""

    row: int
    id: int | str
    label: int
    metadata: str | None
    crc: int
    data: bytes | None
    data_crc: int


@dataclass(frozen=True, slots=True)
class State:
    """What an index is at one moment.

    Args:
        generation: Grows by one with every write.
        next_row: The number of the next row; none is used twice.
        next_id: The next id that is counted.
        next_number: The number of the next file.
        segments: In order.
        items, pending, labels: How many rows these tables have.
        removed: How many rows are removed and not yet compacted away.
        removed_mix: What their numbers add up to, mixed.
        layout: Grows by one when rows move to other positions.
        graph: What is known of the graph over the first segment, or None.
    """

    generation: int = 0
    next_row: int = 0
    next_id: int = 0
    next_number: int = 1
    segments: tuple[SegmentName, ...] = ()
    items: int = 0
    pending: int = 0
    labels: int = 0
    removed: int = 0
    removed_mix: int = 0
    layout: int = 0
    graph: dict[str, Any] | None = field(default=None)

    def after(self, **changes: Any) -> "State":
        """Return the state after a write."""
        return replace(self, generation=self.generation + 1, **changes)

    def to_json(self) -> str:
        """Return the state as text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "State":
        """Read the state from its text."""
        found = json.loads(text)
        found["segments"] = tuple(SegmentName(**segment) for segment in found["segments"])
        return cls(**found)


def mix(rows: NDArray[np.int64]) -> int:
    """Return a number that changes with any of these numbers."""
    return int((rows.astype(np.uint64) * MIX).sum(dtype=np.uint64)) & (2**62 - 1)


def crc_of(*parts: Any) -> int:
    """Return the checksum of some values, which tells their types and borders apart."""
    return zlib.crc32(repr(parts).encode())


def data_crc(row: int, data: bytes | None) -> int:
    """Return the checksum of a row's data."""
    return zlib.crc32(data or b"", row & 0xFFFFFFFF)


def pending_row(row: int, vector: NDArray[Any]) -> tuple[int, bytes, int]:
    """Return a row of the table of those that are in no segment yet."""
    content = vector.tobytes()
    return row, content, zlib.crc32(content, row & 0xFFFFFFFF)


def is_sound_pending(row: int, vector: Any, crc: Any) -> bool:
    """Whether a row of that table is as it was written."""
    return isinstance(vector, bytes) and zlib.crc32(vector, row & 0xFFFFFFFF) == crc
