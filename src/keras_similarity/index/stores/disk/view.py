"""An index on disk as rows: segments one after the other, then the rows that are in no segment yet."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids
from keras_similarity.errors import CorruptIndexError, UnknownIdError
from keras_similarity.index.columns import decode
from keras_similarity.index.engines.exact import ExactEngine
from keras_similarity.index.growing import Growing
from keras_similarity.index.ids import IdTable
from keras_similarity.index.rows import Block, Matrix, Positions
from keras_similarity.index.stores.disk.database import Database
from keras_similarity.index.stores.disk.segments import Segment
from keras_similarity.index.stores.disk.state import Item

__all__ = ["Chained", "DiskRecords", "Part", "Pending"]

METADATA_ROWS = 4096  # read at a time
ITEM_ROWS = 256  # the same with their data, which may be pictures


class Chained:
    """Columns one after the other, indexed like one array."""

    def __init__(self, columns: Sequence[Any], dtype: np.dtype[Any]) -> None:
        self._columns = list(columns)
        self._starts = np.cumsum([0, *(len(column) for column in columns)])
        mixed = any(column.dtype == object for column in columns if hasattr(column, "dtype"))
        self.dtype = np.dtype(object) if mixed else dtype

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, positions: Any) -> NDArray[Any]:
        """Return a slice, or the values at some positions in their shape; -1 is the last, as in an array."""
        if isinstance(positions, slice):
            start, stop, step = positions.indices(len(self))
            return self._between(start, stop)[::step] if step > 0 else self[np.arange(start, stop, step)]
        positions = np.asarray(positions)
        if len(self._columns) == 1:
            return self._columns[0][positions]
        flat = np.where(positions < 0, positions + len(self), positions).reshape(-1)
        found = np.empty(len(flat), self.dtype)
        owner = np.searchsorted(self._starts, flat, side="right") - 1
        for number in np.unique(owner).tolist():
            mine = owner == number
            found[mine] = self._columns[number][flat[mine] - self._starts[number]]
        return found.reshape(positions.shape)

    def _between(self, start: int, stop: int) -> NDArray[Any]:
        parts = [np.empty(0, self.dtype)]
        for column, first, last in zip(self._columns, self._starts, self._starts[1:], strict=False):
            low, high = max(start, first) - first, min(stop, last) - first
            if low < high:
                parts.append(column[low:high])
        return parts[1] if len(parts) == 2 else np.concatenate([part.astype(self.dtype, copy=False) for part in parts])


@dataclass(slots=True, eq=False)
class Part:
    """A mapped segment, what exact search remembers of it, and where its ids are."""

    segment: Segment
    scan: ExactEngine
    graph: Any
    table: IdTable

    def block(self) -> Block:
        """Return it to search in."""
        return Block(self.segment.matrix, self.scan, self.graph)


class Pending:
    """The rows that are in no segment yet, in memory."""

    def __init__(self, width: int, dtype: np.dtype[Any], scan: ExactEngine) -> None:
        self.vectors = Growing(np.empty((0, width), dtype))
        self.ids = Growing(np.empty(0, np.int64))
        self.codes = Growing(np.empty(0, np.int32))
        self.numbers = Growing(np.empty(0, np.int64))
        self.scan = scan
        self.table = IdTable()

    def append(self, vectors: NDArray[Any], ids: Ids, codes: NDArray[np.int32], numbers: NDArray[np.int64]) -> None:
        """Add rows."""
        self.vectors.append(vectors)
        self.ids.append(ids)
        self.codes.append(codes)
        self.numbers.append(numbers)

    def __len__(self) -> int:
        return len(self.numbers.view)

    def block(self) -> Block:
        """Return them to search in."""
        return Block(Matrix(self.vectors.view), self.scan)


class DiskRecords:
    """What is kept beside the rows of an index on disk, read when it is asked for.

    Args:
        database: Where it is.
        numbers: The row number of each position.
        layout: The layout these positions belong to.
        parts: Ids, their table and first position, of each part.
    """

    def __init__(
        self, database: Database, numbers: Chained, layout: int, parts: Sequence[tuple[Any, IdTable, int]]
    ) -> None:
        self._database = database
        self.numbers = numbers
        self._layout = layout
        self._parts = parts

    def at(self, position: int) -> tuple[Any, dict[str, Any] | None]:
        """Return the data and metadata of a row.

        Raises:
            UnknownIdError: it was removed, and the index was compacted, since this view was made.
            CorruptIndexError: it is damaged.
        """
        number = int(self.numbers[np.array([position])][0])
        try:
            return _kept_beside(self._database.item(number))
        except KeyError as error:
            raise self._missing("this item", f"row {number} is missing") from error

    def blocks(self, count: int) -> Iterator[list[tuple[Any, dict[str, Any] | None]]]:
        """Return the data and metadata of the first `count` rows, many rows at a time; see `at` for errors."""
        for first in range(0, count, ITEM_ROWS):
            numbers = self.numbers[first : min(first + ITEM_ROWS, count)]
            items = list(self._database.items(int(numbers[0]), int(numbers[-1])))
            self._check_whole(numbers, [item.row for item in items])
            yield [_kept_beside(item) for item in items]

    def metadata(self, start: int, stop: int) -> Iterator[dict[str, Any] | None]:
        """Return the metadata of rows start to stop; see `at` for errors."""
        for first in range(start, stop, METADATA_ROWS):
            numbers = self.numbers[first : min(first + METADATA_ROWS, stop)]
            found = list(self._database.metadata(int(numbers[0]), int(numbers[-1])))
            self._check_whole(numbers, [number for number, _ in found])
            yield from (None if text is None else json.loads(text) for _, text in found)

    def _check_whole(self, numbers: NDArray[np.int64], found: list[int]) -> None:
        """Raise the error for rows that are not there, unless these are the rows."""
        if found != numbers.tolist():
            raise self._missing("an item", f"rows between {numbers[0]} and {numbers[-1]} are missing or too many")

    def _missing(self, item: str, wrong: str) -> CorruptIndexError | UnknownIdError:
        """Return the error for rows that are not there: taken away by a compaction, or lost."""
        if self._database.state().layout == self._layout:
            return self._database.damaged(wrong)
        return UnknownIdError(
            f"{item} was removed, and the index was compacted since it was read.\n"
            "  Call `refresh()` where another process wrote, and search again."
        )

    def find(self, ids: Ids) -> Positions:
        """Return the newest position of each id, -1 where there is none."""
        newest = np.full(len(ids), -1, np.intp)
        for known, table, start in self._parts:
            found = table.find(ids, known)
            newest = np.where(found >= 0, found + start, newest)
        return newest


def _kept_beside(item: Item) -> tuple[Any, dict[str, Any] | None]:
    metadata = None if item.metadata is None else json.loads(item.metadata)
    return None if item.data is None else decode(item.data), metadata
