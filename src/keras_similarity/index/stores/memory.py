"""The store of an index that lives in memory: rows that grow, and what is kept beside them."""

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import Ids
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.errors import CorruptIndexError, ReadOnlyIndexError
from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.columns import Column
from keras_similarity.index.engines.exact import ExactEngine
from keras_similarity.index.growing import Growing
from keras_similarity.index.ids import IdTable
from keras_similarity.index.items import Items
from keras_similarity.index.rows import Block, Matrix, Positions, Rows

__all__ = ["MemoryStore"]

Mask = NDArray[np.bool_]


class MemoryStore:
    """Columns in memory. A row is never rewritten, so what was found before stays true.

    Args:
        dim: Width of a row.
        distance: What exact search is prepared for.
        dtype: float32 or float16, what vectors are kept as.
    """

    name = "memory"
    is_writer = True

    def __init__(self, dim: int, distance: Distance, dtype: np.dtype[Any]) -> None:
        self._distance = distance
        self.vocabulary = LabelVocabulary()
        self.next_id = 0
        self.read_only = False
        self._built: tuple[Block, ...] = ()  # rows that will not grow any more, and have a graph or not
        self._vectors, self._scan = Growing(np.empty((0, dim), dtype)), ExactEngine(distance)  # and those after them
        self._ids, self._codes = Growing(np.empty(0, np.int64)), Growing(np.empty(0, np.int32))
        self.data, self.metadata = Column(), Column()
        self._table = IdTable()
        self.rows = self._published(None, 0, 0)

    @classmethod
    def adopt(
        cls,
        distance: Distance,
        vectors: NDArray[Any],
        ids: Ids,
        codes: NDArray[np.int32],
        live: Mask | None,
        data: Column,
        metadata: Column,
        built: Block | None = None,
    ) -> "MemoryStore":
        """Take over columns that nobody else will change, without a copy; `built` has the first of the vectors."""
        store = cls(vectors.shape[1], distance, vectors.dtype)
        store._built = () if built is None else (built,)
        store._vectors = Growing(vectors[0 if built is None else len(built.matrix) :])
        store._ids, store._codes, store.data, store.metadata = Growing(ids), Growing(codes), data, metadata
        store.rows = store._published(live, 0, 0)
        return store

    def put(self, items: Items, gone: Positions) -> None:
        """Add items and remove the rows at some positions, in one step."""
        rows = self.rows
        live = None if rows.live is None else np.concatenate([rows.live, np.ones(len(items.ids), bool)])
        if len(gone):
            live = np.ones(len(rows) + len(items.ids), bool) if live is None else live
            live[gone] = False
        codes = np.full(len(items.ids), NO_LABEL, np.int32)
        if items.labels is not None:
            codes = self.vocabulary.encode(items.labels)
        self._vectors.append(items.vectors)
        self._ids.append(items.ids)
        self._codes.append(codes)
        self.data.append(items.data, len(items.ids))
        self.metadata.append(items.metadata, len(items.ids))
        self.next_id = max(self.next_id, items.next_id())
        self.rows = self._published(live, rows.generation + 1, rows.layout)

    def remove(self, positions: Positions) -> None:
        """Remove the rows at some positions."""
        rows = self.rows
        live = np.ones(len(rows), bool) if rows.live is None else rows.live.copy()
        live[positions] = False
        self.rows = self._published(live, rows.generation + 1, rows.layout)

    def positions_of(self, ids: Ids) -> Positions:
        """Return where the live row of each id is, -1 where there is none."""
        rows = self.rows
        positions = rows.records.table.find(ids, rows.ids)
        if rows.live is not None and len(rows.live):
            known = positions < len(rows)  # another thread may have added the id anew since
            positions = np.where(known & rows.live[np.where(known, positions, -1)], positions, -1)
        return positions

    def columns(self) -> tuple[Column, Column]:
        """Return the data and the metadata of every row."""
        return self.data, self.metadata

    def begin_write(self) -> None:
        """Raise a ReadOnlyIndexError for an index that was opened to read."""
        if self.read_only:
            raise ReadOnlyIndexError(
                "this index takes no writes: it was opened with read_only=True.\n  Open it again to write to it."
            )

    def settled(self) -> Rows:
        """Return the rows of this moment, over which an engine can be built."""
        return self.rows

    def abandon(self, matrix: Matrix) -> None:
        """Let go of what `compacted` made."""

    def refresh(self) -> bool:
        """There is never a newer generation than this."""
        return False

    def close(self) -> None:
        """Nothing is held."""

    def vacuum(self) -> None:
        """Memory is given back as it is let go of."""

    def check(self) -> CheckReport:
        """Read what is still in files."""
        try:
            for column in self.columns():
                column.to_arrays()
        except CorruptIndexError as error:
            return CheckReport((str(error).splitlines()[0],))
        return CheckReport()

    def load_graph(self) -> None:
        """A graph is loaded with the rows."""

    def compacted(self, base: Rows) -> tuple[Positions | None, Matrix]:
        """Return the live rows of a moment as one matrix and their positions, None for all: to build an engine over."""
        if base.selection is None and len(base.blocks) == 1 and self._vectors.is_snug:
            return None, base.blocks[0].matrix
        positions = base.live_positions()
        parts = [
            block.matrix.rows[positions[slice(*np.searchsorted(positions, (start, stop)))] - start]
            for block, start, stop in zip(base.blocks, base.starts, base.starts[1:], strict=False)
        ]
        return positions, Matrix(np.concatenate(parts))

    def replace(self, base: Rows, positions: Positions | None, block: Block) -> None:
        """Put a block of the chosen rows of a moment in the place of that moment's rows; what came since stays."""
        rows, count = self.rows, len(base)
        fresh = rows.blocks[-1].matrix.rows[count - rows.starts[-2] :].copy()
        kept = np.arange(count) if positions is None else positions
        order = np.concatenate([kept, np.arange(count, len(rows))])
        live = None if rows.live is None else rows.live[order]
        if positions is not None:
            self._ids, self._codes = Growing(rows.ids[order]), Growing(rows.codes[order])
            self.data, self.metadata = self.data.take(order), self.metadata.take(order)
            self._table = IdTable()
        self._built, self._vectors, self._scan = (block,), Growing(fresh), ExactEngine(self._distance)
        live = None if live is None or live.all() else live
        self.rows = self._published(live, rows.generation + 1, rows.layout + 1)

    def _published(self, live: Mask | None, generation: int, layout: int) -> Rows:
        blocks = (*self._built, Block(Matrix(self._vectors.view), self._scan))
        records = MemoryRecords(self.data, self.metadata, self._table)
        return Rows(blocks, self._ids.view, self._codes.view, records, live, generation, layout)


class MemoryRecords:
    """What is kept beside the rows of a memory store, and where ids are among them."""

    def __init__(self, data: Column, metadata: Column, table: IdTable) -> None:
        self.table = table
        self._data = data
        self._metadata = metadata

    def at(self, position: int) -> tuple[Any, dict[str, Any] | None]:
        """Return the data and metadata of a row; the metadata is a copy."""
        metadata = self._metadata[position]
        return self._data[position], copy.deepcopy(metadata)

    def metadata(self, start: int, stop: int) -> Iterable[dict[str, Any] | None]:
        """Return the metadata of rows start to stop, to read only."""
        return self._metadata.between(start, stop)
