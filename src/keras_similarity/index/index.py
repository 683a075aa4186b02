"""The index: vectors and records in, neighbours out. It grows with new classes; nothing is retrained."""

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length
from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import Ids, as_ids
from keras_similarity.index.columns import kept_block
from keras_similarity.index.items import Items, check_beside, fresh_ids
from keras_similarity.index.kept import Kept
from keras_similarity.index.remote import database_class, is_address
from keras_similarity.index.settings import Settings

__all__ = ["Index"]

KEEP: Any = type("Keep", (), {"__repr__": lambda self: "KEEP"})()  # update: leave as it is


class Index(Kept):
    """Embeddings with ids, labels and data, and the nearest of them to any query.

    Safe to use from several threads: a search sees the index as it was when the search began.

    Args:
        dim: Width of an embedding, ≥ 1.
        distance: Name or `Distance`; smaller is closer.
        engine: "auto" to let the index choose, "exact", or an approximate engine: "faiss" (a graph), "faiss-int8",
            "faiss-ivf", "faiss-pq", "binary", "usearch". Distances are always computed from the embeddings.
        store: "memory", or the path of a folder to be made for an index that lives on disk: what `add` and `remove`
            have returned is there after a crash; `Index.open` opens it again. Or a database that many processes share,
            `postgresql://user@host/database?table=NAME`, `milvus://host?table=NAME` or `qdrant://host?table=NAME`:
            see `docs/databases.md`.
        storage: What an embedding is kept as: "float32"; "float16" for half the memory; "int8" or "binary", which keep
            halves too, but let the engine look at one byte or one bit for each number.
        truncate_dim: How many of an embedding's first numbers are kept and compared, for embeddings trained to be cut
            (Matryoshka); None for all. Queries may come whole or cut.
        recall: Share of the 10 nearest that an approximate engine must find. It is measured when the engine is built,
            and "auto" stays with exact search where it is missed.
        memory: Bytes that "auto" may spend on an engine beside the embeddings, also as "512 MB"; None for any.
        durability: For an index on disk, "full" or "fast"; see `open`.
        model: Name or fingerprint of what makes the embeddings, to refuse those of another; None for unknown.

    Raises:
        ValueError: an unknown distance, engine or storage, an engine without the distance, or a number out of range.
        FileExistsError: the folder to be made is there already.
        StorageError: the disk refused to make it.

    Cost: adding is one copy. An exact search passes once over the rows, O(q n d). Up to 50,000 rows "auto" is exact;
        beyond, it builds a graph behind the searches once these have cost as much, or at once in `build()`.

    Example:
        >>> index = Index(dim=2, distance="euclidean")
        >>> index.add([[0, 0], [3, 4]], labels=["near", "far"]).tolist()
        [0, 1]
        >>> index.search([[0, 1]], k=2).labels.tolist()
        [['near', 'far']]

    References:
        Kusupati et al., Matryoshka Representation Learning, 2022, arXiv:2205.13147.
    """

    def __new__(cls, *args: Any, store: Any = "memory", **settings: Any) -> Self:
        """Make an index of the class that keeps it where it is to live."""
        kind: type[Any] = database_class(store) if is_address(store) else cls
        return object.__new__(kind)

    def __init__(
        self,
        dim: int,
        distance: str | Distance = "cosine",
        *,
        engine: str = "auto",
        store: str | os.PathLike[str] = "memory",
        storage: str = "float32",
        truncate_dim: int | None = None,
        recall: float = 0.99,
        memory: int | str | None = None,
        durability: str = "full",
        model: str | None = None,
    ) -> None:
        settings = Settings.checked(dim, distance, engine, storage, truncate_dim, recall, memory, model)
        self._make(settings, store, durability)

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
            metadata: One JSON object per row, to filter by.

        Returns:
            The ids `(n,)`, int64, or objects where one is a string.

        Raises:
            ValueError: another width, NaN or infinity, a row of zeros under cosine, another number of labels,
                ids, data or metadata than rows, an id given twice. The index is then as it was.
            TypeError: an id, label or value of a kind that cannot be kept.
        """
        vectors = self._space.embeddings(embeddings)
        count = len(vectors)
        own_ids = None if ids is None else as_ids(ids)
        if own_ids is not None:
            check_same_length(count, own_ids, name="ids", what="embeddings")
        beside = check_beside(count, labels, data, metadata, what="embeddings")
        return self._insert(vectors, own_ids, beside)

    def _insert(self, vectors: NDArray[Any], own_ids: Ids | None, beside: dict[str, Any]) -> Ids:
        """Add checked items, and return their ids."""
        count = len(vectors)
        with self._lock:
            if count:
                self._store.begin_write()
            items = Items(fresh_ids(self._store.next_id, count) if own_ids is None else own_ids, vectors, **beside)
            if count:
                gone = np.empty(0, np.intp) if own_ids is None else self._store.positions_of(items.ids)
                self._store.put(items, gone[gone >= 0])
            return items.ids

    def update(
        self, ids: Any, embeddings: Any = KEEP, labels: Any = KEEP, *, data: Any = KEEP, metadata: Any = KEEP
    ) -> None:
        """Change items that are there; what is not given stays as it is.

        A changed item counts as newly added where equal distances are ordered. None takes labels, data or metadata
        away.

        Args:
            ids: The items to change.
            embeddings, labels, data, metadata: Their new values, one per id; see `add`.

        Raises:
            UnknownIdError: the index holds no such id. Nothing is changed then.
            ValueError, TypeError: see `add`.
        """
        checked_ids = as_ids(ids)
        count = len(checked_ids)
        vectors = None if embeddings is KEEP else self._space.embeddings(embeddings)
        given = {"labels": labels, "data": data, "metadata": metadata}
        if vectors is not None:
            check_same_length(count, vectors, name="embeddings", what="ids")
        beside = check_beside(count, *(None if value is KEEP else value for value in given.values()), what="ids")
        self._change(checked_ids, vectors, beside, [name for name, value in given.items() if value is KEEP])

    def _change(self, ids: Ids, vectors: NDArray[Any] | None, beside: dict[str, Any], kept: list[str]) -> None:
        """Change items to checked values, those that are there; what is kept is read back."""
        count = len(ids)
        with self._lock:
            if count:
                self._store.begin_write()
            rows, positions = self._found(ids)
            if not count:
                return
            old = [self._record(rows, position) for position in positions.tolist()] if kept else []
            beside |= check_beside(
                count,
                [record.label for record in old] if "labels" in kept else None,
                None,
                [record.metadata for record in old] if "metadata" in kept else None,
                what="ids",
            )
            if "data" in kept:
                beside["data"] = kept_block([record.data for record in old])
            if vectors is None:
                vectors = rows.take(positions).astype(self._space.dtype, copy=False)
            self._store.put(Items(ids, vectors, **beside), positions)

    def remove(self, ids: Any) -> int:
        """Remove items; return how many there were. An id the index does not hold is no error."""
        return self._drop(as_ids(ids))

    def _drop(self, ids: Ids) -> int:
        with self._lock:
            if len(ids):
                self._store.begin_write()
            positions = self._store.positions_of(ids)
            found = positions[positions >= 0]
            if len(found):
                self._store.remove(found)
        return len(found)

    def clear(self) -> None:
        """Remove every item and give back their room; settings and the counter of ids stay."""
        with self._lock:
            self._store.begin_write()
            self._builder.stop()  # what is being built is of no use any more
            positions = self._store.rows.live_positions()
            if len(positions):
                self._store.remove(positions)
        self.compact()
