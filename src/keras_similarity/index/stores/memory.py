"""The store of an index that lives in memory: rows that grow, and what is kept beside them."""

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.index.engines.exact import ExactEngine
from keras_similarity.index.growing import Growing
from keras_similarity.index.ids import Ids, IdTable
from keras_similarity.index.items import Items
from keras_similarity.index.rows import Block, Matrix, Positions, Rows
from keras_similarity.index.stores.columns import Column

__all__ = ["MemoryStore"]


class MemoryStore:
    """Columns in memory. A row is never rewritten, so what was found before stays true.

    Args:
        dim: Width of a row.
        distance: What exact search is prepared for.
        dtype: float32 or float16, what vectors are kept as.
    """

    name = "memory"

    def __init__(self, dim: int, distance: Distance, dtype: np.dtype[Any]) -> None:
        self._distance = distance
        self.vocabulary = LabelVocabulary()
        self.next_id = 0
        self._fill(np.empty((0, dim), dtype), np.empty(0, np.int64), np.empty(0, np.int32), None, Column(), Column())

    def _fill(
        self,
        vectors: NDArray[Any],
        ids: Ids,
        codes: NDArray[np.int32],
        live: NDArray[np.bool_] | None,
        data: Column,
        metadata: Column,
    ) -> None:
        self._vectors, self._ids, self._codes = Growing(vectors), Growing(ids), Growing(codes)
        self.data, self.metadata = data, metadata
        self._table = IdTable()
        self._built: tuple[Block, ...] = ()  # blocks that are finished, of a graph or not
        self._scan = ExactEngine(self._distance)
        self.rows = self._publish(live, 0)

    @classmethod
    def adopt(
        cls,
        distance: Distance,
        vectors: NDArray[Any],
        ids: Ids,
        codes: NDArray[np.int32],
        live: NDArray[np.bool_] | None,
        data: Column,
        metadata: Column,
    ) -> "MemoryStore":
        """Take over columns that nobody else will change, without a copy."""
        store = cls(vectors.shape[1], distance, vectors.dtype)
        store._fill(vectors, ids, codes, live, data, metadata)
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
        self.rows = self._publish(live, rows.generation + 1)

    def remove(self, positions: Positions) -> None:
        """Remove the rows at some positions."""
        rows = self.rows
        live = np.ones(len(rows), bool) if rows.live is None else rows.live.copy()
        live[positions] = False
        self.rows = self._publish(live, rows.generation + 1)

    def positions_of(self, ids: Ids) -> Positions:
        """Return where the live row of each id is, -1 where there is none."""
        rows = self.rows
        positions = self._table.find(ids, self._ids.view)
        if rows.live is not None and len(rows.live):
            positions = np.where(rows.live[positions], positions, -1)
        return positions

    def _publish(self, live: NDArray[np.bool_] | None, generation: int) -> Rows:
        blocks = (*self._built, Block(Matrix(self._vectors.view), self._scan))
        records = MemoryRecords(self.data, self.metadata)
        return Rows(blocks, self._ids.view, self._codes.view, records, live, generation)


class MemoryRecords:
    """What is kept beside the rows of a memory store."""

    def __init__(self, data: Column, metadata: Column) -> None:
        self._data = data
        self._metadata = metadata

    def at(self, position: int) -> tuple[Any, dict[str, Any] | None]:
        """Return the data and metadata of a row; the metadata is a copy."""
        metadata = self._metadata[position]
        return self._data[position], copy.deepcopy(metadata)

    def metadata(self, start: int, stop: int) -> Iterable[dict[str, Any] | None]:
        """Return the metadata of rows start to stop, to read only."""
        return self._metadata.between(start, stop)
