"""The index: vectors and records in, neighbours out. It grows with new classes; nothing is retrained."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_choice, check_k, check_same_length, check_whole
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.core.labels import label_list
from keras_similarity.core.results import Record, SearchResult
from keras_similarity.errors import UnknownIdError
from keras_similarity.index.engines import ENGINES
from keras_similarity.index.folder import read_folder, replace_folder
from keras_similarity.index.ids import MISSING_ID, as_ids
from keras_similarity.index.snapshot import check_label_types, index_from_arrays, index_to_arrays
from keras_similarity.index.stores import MemoryStore
from keras_similarity.index.stores.columns import as_block
from keras_similarity.index.vectors import Vectors

__all__ = ["Index"]


class Index:
    """Embeddings with ids, labels and data, and the nearest of them to any query.

    Args:
        dim: Width of an embedding, ≥ 1.
        distance: Name or `Distance`; smaller is closer.
        engine: "exact", or "auto" to let the index choose.
        store: "memory".

    Raises:
        ValueError: an unknown distance, engine or store.

    Cost: adding is one copy; a search passes once over the rows, O(q n d).

    Example:
        >>> index = Index(dim=2, distance="euclidean")
        >>> index.add([[0, 0], [3, 4]], labels=["near", "far"]).tolist()
        [0, 1]
        >>> index.search([[0, 1]], k=2).labels.tolist()
        [['near', 'far']]
    """

    def __init__(
        self, dim: int, distance: str | Distance = "cosine", *, engine: str = "auto", store: str = "memory"
    ) -> None:
        self.dim = check_whole(dim, name="dim", minimum=1)
        self.distance = get_distance(distance)
        check_choice(engine, ["auto", *ENGINES], name="engine")
        check_choice(store, [MemoryStore.name], name="store")
        self.engine = engine
        self.store = store
        self._fill(Vectors(self.dim), MemoryStore())

    def _fill(self, vectors: Vectors, records: MemoryStore) -> None:
        self._vectors = vectors
        self._records = records
        # "auto" is exact search: every engine to come has it for small indexes.
        self._engine = ENGINES["exact" if self.engine == "auto" else self.engine](vectors, self.distance)

    def __len__(self) -> int:
        return self._vectors.live

    def __contains__(self, item_id: object) -> bool:
        if isinstance(item_id, bool) or not isinstance(item_id, int | str):
            return False
        return bool(self._rows_of(as_ids([item_id]))[0] >= 0)

    def __repr__(self) -> str:
        return f"<Index: {len(self)} items, dim {self.dim}, {self.distance} distance>"

    def add(
        self,
        embeddings: Any,
        labels: Any = None,
        *,
        ids: Any = None,
        data: Any = None,
        metadata: Sequence[dict[str, Any] | None] | None = None,
    ) -> NDArray[Any]:
        """Add items, or replace those whose id the index already holds.

        Args:
            embeddings: Rows `(n, dim)` of finite numbers.
            labels: One label per row: an int, a string, or another hashable that JSON can say (a tuple of them,
                a float, a bool, bytes); None for a row without one.
            ids: One int or string per row, each once; without them, ints from a counter that never reuses one.
            data: One value per row to find again with it: arrays, bytes, strings, paths or JSON values.
            metadata: One JSON object per row.

        Returns:
            The ids `(n,)`, int64, or objects where one is a string.

        Raises:
            ValueError: another width, NaN or infinity, a row of zeros under cosine, another number of labels,
                ids, data or metadata than rows, an id given twice. The index is then as it was.
            TypeError: an id, label or value of a kind that cannot be kept.
        """
        vectors = as_vectors(
            np.empty((0, self.dim)) if np.size(embeddings) == 0 else embeddings,
            name="embeddings",
            dim=self.dim,
            unit_norm=self.distance.needs_unit_norm,
        )
        count = len(vectors)
        checked_ids = self._records.fresh_ids(count) if ids is None else as_ids(ids)
        check_same_length(count, checked_ids, name="ids", what="embeddings")
        if labels is not None:
            labels = label_list(labels)
            check_same_length(count, labels, name="labels", what="embeddings")
            check_label_types(labels)
        blocks = {"data": data, "metadata": metadata}
        for name, values in blocks.items():
            if values is not None:
                blocks[name] = as_block(values, name=name)
                check_same_length(count, blocks[name], name=name, what="embeddings")
        if count == 0:
            return checked_ids
        if ids is not None:
            self.remove(checked_ids)
        self._vectors.append(vectors)
        self._records.append(checked_ids, labels, blocks["data"], blocks["metadata"])
        return checked_ids

    def remove(self, ids: Any) -> int:
        """Remove items; return how many there were. An id the index does not hold is no error."""
        checked_ids = as_ids(ids)
        rows = self._rows_of(checked_ids)
        found = rows >= 0
        if found.any():
            self._vectors.remove(rows[found])
            self._records.forget(checked_ids[found])
        return int(found.sum())

    def get(self, ids: Any) -> list[Record]:
        """Return the records of `ids`, in their order.

        Raises:
            UnknownIdError: the index holds no such id; a `KeyError` too.
        """
        checked_ids = as_ids(ids)
        rows = self._rows_of(checked_ids)
        if (rows < 0).any():
            missing = checked_ids.tolist()[int((rows < 0).argmax())]
            raise UnknownIdError(
                f"the index holds no item with id {missing!r}.\n  `id in index` tells whether it does."
            )
        return [self._record(row) for row in rows.tolist()]

    def search(self, queries: Any, k: int = 10) -> SearchResult:
        """Find the k nearest items of each query.

        Args:
            queries: Rows `(q, dim)` of finite numbers; one query is `row[None]`.
            k: ≥ 1. Beyond the size of the index, the rest of a row is missing: id -1 (None among string ids),
                distance +inf.

        Returns:
            Columns `(q, k)`, nearest first; rows at the same distance in the order they were added.

        Raises:
            ValueError: another width, NaN or infinity, a row of zeros under cosine, k below 1 or not whole.
        """
        k = check_k(k)
        vectors = as_vectors(queries, name="queries", dim=self.dim, unit_norm=self.distance.needs_unit_norm)
        rows, distances = self._engine.search(vectors, k)
        return self._result(rows, distances)

    def label_counts(self, labels: Any) -> NDArray[np.int64]:
        """Return how many items of the index carry each of `labels`, shape `(n,)`."""
        live = np.ones(len(self._vectors), bool)
        live[self._vectors.removed] = False
        codes = self._records.codes[live]
        counts = np.bincount(codes[codes >= 0], minlength=len(self._records.vocabulary) + 1)
        return counts[self._records.vocabulary.find(labels)]  # an unknown label is -1: the last entry, which is 0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a folder, whole or not at all; an index that was there is replaced.

        Raises:
            FileExistsError: `path` exists and holds no index.
        """
        replace_folder(path, *self.to_arrays())

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Index":
        """Read an index that `save` wrote.

        Raises:
            FileNotFoundError: no index is there.
            IndexFormatError: a newer format, or (`CorruptIndexError`) damaged files.
        """
        return cls.from_arrays(*read_folder(Path(path)))

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the whole index as arrays and JSON settings, for a file format to keep."""
        settings = {
            "dim": self.dim,
            "distance": self.distance.name,
            "engine": self.engine,
            "store": self.store,
        }
        return index_to_arrays(self._vectors, self._records, settings)

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], settings: dict[str, Any]) -> "Index":
        """Rebuild what `to_arrays` returned."""
        index = cls(settings["dim"], settings["distance"], engine=settings["engine"], store=settings["store"])
        index._fill(*index_from_arrays(arrays, settings))
        return index

    def _rows_of(self, ids: NDArray[Any]) -> NDArray[np.intp]:
        return self._records.rows_of(ids, self._vectors.removed)

    def _result(self, rows: NDArray[np.intp], distances: NDArray[np.float32]) -> SearchResult:
        records = self._records
        missing = rows < 0
        any_missing = bool(missing.any())
        ids: NDArray[Any] = np.full(rows.shape, MISSING_ID) if len(records.ids) == 0 else records.ids[rows]
        codes = np.full(rows.shape, -1, np.int32) if len(records.codes) == 0 else records.codes[rows]
        if any_missing:
            ids[missing] = None if ids.dtype == object else MISSING_ID
            codes[missing] = -1
        labels = records.vocabulary.decode(codes)
        return SearchResult(ids, distances, labels, lambda row, column: self._record(int(rows[row, column])))

    def _record(self, row: int) -> Record:
        records = self._records
        item_id = records.ids[row]
        return Record(
            item_id if isinstance(item_id, str) else int(item_id),
            records.label(row),
            self._vectors.rows[row],
            records.data[row],
            records.metadata[row],
        )
