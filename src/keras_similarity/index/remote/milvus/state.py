"""What an index in Milvus knows of itself, and which rows count: Milvus has no transactions, so this row decides.

Every write first inserts its rows, at places in the order of additions that no state covers yet, then one row with the
next state, and last deletes what that state calls gone. So a write is there with its state, or not at all, and whoever
finds rows that no state covers, or gone ones, leaves them out.
"""

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_TEXT", "Ranges", "State", "as_ranges"]

MOST_TEXT = 65_535  # bytes of a text that Milvus keeps
MOST_GONE = 48_000  # of it for the places that are gone

Ranges = tuple[tuple[int, int], ...]  # ascending, each from its first to before its last


@dataclass(frozen=True, slots=True)
class State:
    """The counters of an index.

    Args:
        settings: What the index was made with, as JSON values.
        next_id: The next int id that `add` gives.
        first_seq: The least place in the order of additions that counts.
        next_seq: The place that the next item takes.
        items: How many items there are.
        labels: How many labels were ever given.
        text_ids: Whether an id was ever a string.
        generation: Grows with every write.
        built: The report of what `build` made, {} before.
        gone: Places below `next_seq` that do not count any more, and may not have been deleted yet.
    """

    settings: dict[str, Any]
    next_id: int = 0
    first_seq: int = 0
    next_seq: int = 0
    items: int = 0
    labels: int = 0
    text_ids: bool = False
    generation: int = 0
    built: dict[str, Any] = field(default_factory=dict)
    gone: Ranges = ()

    def counts(self, seqs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which places hold an item."""
        inside = (seqs >= self.first_seq) & (seqs < self.next_seq)
        if self.gone and inside.any():
            starts, stops = np.array(self.gone, np.int64).T
            place = np.searchsorted(starts, seqs, side="right") - 1
            inside &= (place < 0) | (seqs >= stops[place])
        return inside

    def later(self, **changes: Any) -> "State":
        """Return the state after a write."""
        return replace(self, generation=self.generation + 1, **changes)

    def to_text(self, version: int) -> str:
        """Return the state as it is kept.

        Raises:
            ValueError: more places are gone than there is room for.
        """
        known = {name: getattr(self, name) for name in self.__slots__ if name != "gone"}
        gaps = np.diff(np.array(self.gone, np.int64).ravel(), prepend=0).astype("<i8").tobytes()
        gone = base64.b64encode(zlib.compress(gaps)).decode()
        if len(gone) > MOST_GONE:
            raise ValueError(
                f"Milvus keeps no list of {len(self.gone):,} separate items that a write replaces or removes.\n"
                "  Nothing was changed; pass fewer ids at a time."
            )
        return json.dumps(known | {"version": version, "gone": gone})

    @classmethod
    def from_text(cls, text: str) -> "State":
        """Return the state that `to_text` wrote, of this version."""
        known = json.loads(text)
        known.pop("version")
        bounds = np.cumsum(np.frombuffer(zlib.decompress(base64.b64decode(known.pop("gone"))), "<i8"))
        return cls(**known, gone=tuple((int(a), int(b)) for a, b in bounds.reshape(-1, 2)))


def as_ranges(seqs: Iterable[int]) -> Ranges:
    """Return places in any order as ranges."""
    places = np.unique(np.fromiter(seqs, np.int64))
    if len(places) == 0:
        return ()
    breaks = np.flatnonzero(np.diff(places) > 1)
    starts, stops = places[np.r_[0, breaks + 1]], places[np.r_[breaks, len(places) - 1]] + 1
    return tuple(zip(starts.tolist(), stops.tolist(), strict=True))
