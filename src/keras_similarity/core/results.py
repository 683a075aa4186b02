"""What a search returns: columns for programs, a sequence of neighbours for people.

`SearchResult` holds arrays of shape (q, k). Indexing it gives `Neighbors`, indexing that gives a `Lookup`; both are
made on demand, so nobody pays for objects they do not look at.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lookup", "Neighbors", "Record", "SearchResult"]


@dataclass(frozen=True, slots=True)
class Record:
    """One item of an index: its id, label, embedding `(d,)`, data and metadata."""

    id: int | str
    label: Hashable | None
    embedding: NDArray[np.float32]
    data: Any
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Lookup:
    """One neighbour of one query.

    Args:
        rank: 1 for the nearest.
        distance: In units of the index's distance.
        label: The label the item was added with, or None.
        id: The item's id.
        embedding: Its row `(d,)`, float32.
        data: What was stored with it, or None.
        metadata: Its JSON object, or None.
    """

    rank: int
    distance: float
    label: Hashable | None
    id: int | str
    embedding: NDArray[np.float32] = field(repr=False)
    data: Any = field(repr=False)
    metadata: dict[str, Any] | None = None


class Neighbors(Sequence[Lookup]):
    """The neighbours of one query, nearest first; missing ones are left out, so it can be shorter than k.

    Args:
        ids: Ids `(m,)`.
        distances: Distances `(m,)`, ascending.
        labels: Labels `(m,)`.
        records: Position among these neighbours -> its stored record.
    """

    def __init__(
        self,
        ids: NDArray[Any],
        distances: NDArray[np.float32],
        labels: NDArray[Any],
        records: Callable[[int], Record],
    ) -> None:
        self.ids = ids
        self.distances = distances
        self.labels = labels
        self._records = records

    def __len__(self) -> int:
        return len(self.distances)

    @overload
    def __getitem__(self, index: int) -> Lookup: ...
    @overload
    def __getitem__(self, index: slice) -> list[Lookup]: ...
    def __getitem__(self, index: int | slice) -> Lookup | list[Lookup]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # an index out of range raises here, a negative one counts from the end
        record = self._records(position)
        return Lookup(
            position + 1,
            float(self.distances[position]),
            record.label,
            record.id,
            record.embedding,
            record.data,
            record.metadata,
        )

    def __repr__(self) -> str:
        rows = ", ".join(f"{lookup.label!r} at {lookup.distance:.4f}" for lookup in self[:5])
        more = f", … {len(self) - 5} more" if len(self) > 5 else ""
        return f"<Neighbors: {rows}{more}>" if len(self) else "<Neighbors: none>"


@dataclass(frozen=True, eq=False)
class SearchResult(Sequence[Neighbors]):
    """The neighbours of q queries, in columns of shape `(q, k)`, nearest first.

    A missing neighbour (k beyond the index) has id -1 (None among string ids) and distance +inf.

    Args:
        ids: Int64 when every id of the index is an int, else objects.
        distances: Float32, ascending along each row.
        labels: Int64 when every label is an int and none is missing, else objects with None for "no label".
        fetch: `(row, column)` -> the stored record of that neighbour.
    """

    ids: NDArray[Any]
    distances: NDArray[np.float32]
    labels: NDArray[Any]
    fetch: Callable[[int, int], Record] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.ids.shape == self.distances.shape == self.labels.shape or self.ids.ndim != 2:
            raise ValueError(
                "`ids`, `distances` and `labels` need one shape (q, k): got "
                f"{self.ids.shape}, {self.distances.shape} and {self.labels.shape}.\n"
                "  Take them from one search."
            )

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Neighbors: ...
    @overload
    def __getitem__(self, index: slice) -> list[Neighbors]: ...
    def __getitem__(self, index: int | slice) -> Neighbors | list[Neighbors]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        found = int(np.isfinite(self.distances[row]).sum())
        return Neighbors(
            self.ids[row, :found],
            self.distances[row, :found],
            self.labels[row, :found],
            lambda column: self.fetch(row, column),
        )

    def __iter__(self) -> Iterator[Neighbors]:
        return (self[row] for row in range(len(self)))
