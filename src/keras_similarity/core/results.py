"""What a search returns: columns for programs, a sequence of neighbours for people.

`SearchResult` holds arrays of shape (q, k). Indexing it gives `Neighbors`, indexing that gives a `Lookup`; both are
made on demand, and a lookup reads what is stored with its item when that is asked for, so nobody pays for what he does
not look at.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.core.pictures import item_as_html
from keras_similarity.core.tables import arrow_column

__all__ = ["Lookup", "Neighbors", "Record", "SearchResult"]

SHOWN = 20  # neighbours of a row in a notebook


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One item of an index: its id, label, embedding `(d,)`, data and metadata.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(2)
        >>> ids = index.add([[3, 4]], ["boot"], ids=["sku-1"], data=["boot.jpg"], metadata=[{"price": 80}])
        >>> record = index.get(ids)[0]
        >>> record.id, record.label, record.data, record.metadata
        ('sku-1', 'boot', 'boot.jpg', {'price': 80})
    """

    id: int | str
    label: Hashable | None
    embedding: NDArray[np.float32]
    data: Any
    metadata: dict[str, Any] | None


class Lookup:
    """One neighbour of one query.

    Args:
        rank: 1 for the nearest.
        distance: In units of the index's distance.
        label: The label the item was added with, or None.
        id: The item's id.
        fetch: Returns the item's record; called once, when the embedding, data or metadata is asked for.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(2, "euclidean")
        >>> ids = index.add([[3, 4]], ["boot"], metadata=[{"price": 80}])
        >>> lookup = index.search([[0, 0]], k=1)[0][0]
        >>> lookup
        Lookup(rank=1, distance=5.0, label='boot', id=0)
        >>> lookup.metadata, lookup.embedding.tolist()
        ({'price': 80}, [3.0, 4.0])
    """

    __slots__ = ("_fetch", "_record", "distance", "id", "label", "rank")

    def __init__(
        self, rank: int, distance: float, label: Hashable | None, id: int | str, fetch: Callable[[], Record]
    ) -> None:
        self.rank = rank
        self.distance = distance
        self.label = label
        self.id = id
        self._fetch = fetch
        self._record: Record | None = None

    @property
    def embedding(self) -> NDArray[np.float32]:
        """Its row `(d,)`, float32."""
        return self._read().embedding

    @property
    def data(self) -> Any:
        """What was stored with it, or None."""
        return self._read().data

    @property
    def metadata(self) -> dict[str, Any] | None:
        """Its JSON object, or None."""
        return self._read().metadata

    def _read(self) -> Record:
        if self._record is None:
            self._record = self._fetch()
        return self._record

    def __repr__(self) -> str:
        return f"Lookup(rank={self.rank}, distance={self.distance!r}, label={self.label!r}, id={self.id!r})"


class Neighbors(Sequence[Lookup]):
    """The neighbours of one query, nearest first; missing ones are left out, so it can be shorter than k.

    In a notebook it shows itself with thumbnails, where the data are images.

    Args:
        ids: Ids `(m,)`.
        distances: Distances `(m,)`, ascending.
        labels: Labels `(m,)`.
        records: Position among these neighbours -> its stored record.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[3.0], [1.0]], ["boot", "shoe"])
        >>> neighbors = index.search([[0.0]], k=5)[0]
        >>> neighbors
        <Neighbors: 'shoe' at 1.0000, 'boot' at 3.0000>
        >>> [(lookup.rank, lookup.id) for lookup in neighbors]
        [(1, 1), (2, 0)]
    """

    __slots__ = ("_records", "distances", "ids", "labels")

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
        only = slice(position, position + 1)
        return next(self._lookups(only, position))

    def __iter__(self) -> Iterator[Lookup]:
        return self._lookups(slice(None), 0)

    def _lookups(self, chosen: slice, first: int) -> Iterator[Lookup]:
        records = self._records
        columns = zip(
            self.distances[chosen].tolist(), self.labels[chosen].tolist(), self.ids[chosen].tolist(), strict=True
        )
        for position, (distance, label, item_id) in enumerate(columns, first):
            yield Lookup(position + 1, distance, label, item_id, lambda position=position: records(position))

    def __repr__(self) -> str:
        rows = ", ".join(f"{lookup.label!r} at {lookup.distance:.4f}" for lookup in self[:5])
        more = f", … {len(self) - 5} more" if len(self) > 5 else ""
        return f"<Neighbors: {rows}{more}>" if len(self) else "<Neighbors: none>"

    def _repr_html_(self) -> str:
        cells = "".join(
            item_as_html(lookup.data, f"{lookup.label}", f"{lookup.distance:.4g}", f"id {lookup.id}")
            for lookup in self[:SHOWN]
        )
        more = f"<td>… {len(self) - SHOWN} more</td>" if len(self) > SHOWN else ""
        return f"<table><tr>{cells or '<td>no neighbours</td>'}{more}</tr></table>"


@dataclass(frozen=True, eq=False)
class SearchResult(Sequence[Neighbors]):
    """The neighbours of q queries, in columns of shape `(q, k)`, nearest first.

    A missing neighbour (k beyond the index, or beyond what a filter leaves) has id -1 (None among string ids) and
    distance +inf.

    Args:
        ids: Int64 when every id of the index is an int, else objects.
        distances: Float32, ascending along each row.
        labels: Int64 when every label is an int and none is missing, else objects with None for "no label".
        fetch: `(row, column)` -> the stored record of that neighbour.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[3.0], [1.0]], ["boot", "shoe"])
        >>> result = index.search([[0.0], [4.0]], k=3)
        >>> result.labels[:, 0].tolist(), result.distances[:, 0].tolist()
        (['shoe', 'boot'], [1.0, 1.0])
        >>> result.ids.tolist(), [len(neighbors) for neighbors in result]
        ([[1, 0, -1], [0, 1, -1]], [2, 2])
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
        return self._neighbors(row, int(np.count_nonzero(self._found(row))))

    def __iter__(self) -> Iterator[Neighbors]:
        found = self._found(slice(None)).sum(axis=1).tolist()
        return (self._neighbors(row, count) for row, count in enumerate(found))

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a line per neighbour: query, rank, id, distance, label.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        pandas = import_extra("pandas", extra="data", purpose="`to_pandas()`")
        return pandas.DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table` with a row per neighbour: query, rank, id, distance, label.

        Ids or labels of several types, or of one that Arrow lacks, become the JSON that says them.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        arrow = import_extra("pyarrow", extra="data", purpose="`to_arrow()`")
        return arrow.table({name: arrow_column(arrow, values) for name, values in self._columns().items()})

    def _columns(self) -> dict[str, NDArray[Any]]:
        query, column = np.nonzero(self._found(slice(None)))
        chosen = (query, column)
        return {
            "query": query,
            "rank": column + 1,
            "id": self.ids[chosen],
            "distance": self.distances[chosen],
            "label": self.labels[chosen],
        }

    def _found(self, rows: int | slice) -> NDArray[np.bool_]:
        ids = self.ids[rows]
        return ids != (None if ids.dtype == object else -1)

    def _neighbors(self, row: int, found: int) -> Neighbors:
        return Neighbors(
            self.ids[row, :found],
            self.distances[row, :found],
            self.labels[row, :found],
            lambda column: self.fetch(row, column),
        )
