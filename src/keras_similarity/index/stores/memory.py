"""Records in memory: ids, labels, data and metadata, one entry per row of the index."""

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.index.stores.columns import Block, Column

__all__ = ["MemoryStore"]

Ids = NDArray[np.int64] | NDArray[np.object_]


class MemoryStore:
    """Columns that grow with the index's rows; a row is never rewritten, so old results stay true."""

    name = "memory"

    def __init__(self) -> None:
        self.ids: Ids = np.empty(0, np.int64)
        self.codes: NDArray[np.int32] = np.empty(0, np.int32)
        self.vocabulary = LabelVocabulary()
        self.data = Column()
        self.metadata = Column()
        self.next_id = 0
        self._row_of: dict[int | str, int] | None = None

    def fresh_ids(self, count: int) -> NDArray[np.int64]:
        """Return ids never used before."""
        return np.arange(self.next_id, self.next_id + count, dtype=np.int64)

    def append(self, ids: Ids, labels: Any, data: Block | None, metadata: Block | None) -> None:
        """Add one record per id; the ids are not in the store, or their old rows were forgotten before."""
        first = len(self.ids)
        codes = np.full(len(ids), NO_LABEL, np.int32) if labels is None else self.vocabulary.encode(labels)
        self.codes = np.concatenate([self.codes, codes])
        self.data.append(data, len(ids))
        self.metadata.append(metadata, len(ids))
        mixed = ids.dtype == object or self.ids.dtype == object
        self.ids = np.concatenate([self.ids.astype(object), ids.astype(object)] if mixed else [self.ids, ids])
        if self._row_of is not None:
            self._row_of.update(zip(ids.tolist(), range(first, first + len(ids)), strict=True))
        whole = ids if ids.dtype != object else [value for value in ids if isinstance(value, int)]
        self.next_id = max([self.next_id, int(max(whole)) + 1] if len(whole) else [self.next_id])

    def rows_of(self, ids: Ids, removed: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the row of each id, -1 where the store has none."""
        if self._row_of is None:
            live = np.ones(len(self.ids), bool)
            live[removed] = False
            rows = np.flatnonzero(live)
            self._row_of = dict(zip(self.ids[rows].tolist(), rows.tolist(), strict=True))
        known = self._row_of
        return np.fromiter((known.get(value, -1) for value in ids.tolist()), np.intp, len(ids))

    def forget(self, ids: Ids) -> None:
        """Let go of ids whose rows were removed."""
        if self._row_of is not None:
            for value in ids.tolist():
                self._row_of.pop(value, None)

    def label(self, row: int) -> Hashable | None:
        """Return the label of a row, None where it has none."""
        code = int(self.codes[row])
        return None if code == NO_LABEL else self.vocabulary.labels[code]
