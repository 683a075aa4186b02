"""The index: vectors and records in, neighbours out. It grows with new classes; nothing is retrained."""

import os
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice, check_same_length, check_whole
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.index.builder import Builder
from keras_similarity.index.engines import ENGINES
from keras_similarity.index.filters import Filters
from keras_similarity.index.folder import read_folder, replace_folder
from keras_similarity.index.graph import EngineReport
from keras_similarity.index.ids import as_ids
from keras_similarity.index.items import Items, Space, check_beside, fresh_ids
from keras_similarity.index.planner import Wish, check_memory, check_recall
from keras_similarity.index.readable import Readable
from keras_similarity.index.rows import FLOATS
from keras_similarity.index.snapshot import index_from_arrays, index_to_arrays
from keras_similarity.index.stores import MemoryStore

__all__ = ["Index"]

KEEP: Any = type("Keep", (), {"__repr__": lambda self: "KEEP"})()  # update: leave as it is


class Index(Readable):
    """Embeddings with ids, labels and data, and the nearest of them to any query.

    Safe to use from several threads: a search sees the index as it was when the search began.

    Args:
        dim: Width of an embedding, ≥ 1.
        distance: Name or `Distance`; smaller is closer.
        engine: "auto" to let the index choose, "exact", or an approximate engine: "faiss" (a graph), "faiss-int8",
            "faiss-ivf", "faiss-pq", "binary", "usearch". Distances are always computed from the embeddings.
        store: "memory".
        storage: What an embedding is kept as: "float32"; "float16" for half the memory; "int8" or "binary", which keep
            halves too, but let the engine look at one byte or one bit for each number.
        truncate_dim: How many of an embedding's first numbers are kept and compared, for embeddings trained to be cut
            (Matryoshka); None for all.
        recall: Share of the 10 nearest that an approximate engine must find. It is measured when the engine is built,
            and "auto" stays with exact search where it is missed.
        memory: Bytes that "auto" may spend on an engine beside the embeddings, also as "512 MB"; None for any.

    Raises:
        ValueError: an unknown distance, engine, store or storage, an engine without the distance, or a number out of
            range.

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

    def __init__(
        self,
        dim: int,
        distance: str | Distance = "cosine",
        *,
        engine: str = "auto",
        store: str = "memory",
        storage: str = "float32",
        truncate_dim: int | None = None,
        recall: float = 0.99,
        memory: int | str | None = None,
    ) -> None:
        self.dim = check_whole(dim, name="dim", minimum=1)
        self.distance = get_distance(distance)
        check_choice(engine, ["auto", *ENGINES], name="engine")
        check_choice(store, [MemoryStore.name], name="store")
        check_choice(storage, FLOATS, name="storage")
        self.engine = engine
        self.store = store
        self.storage = storage
        self.truncate_dim = None if truncate_dim is None else _check_width(truncate_dim, self.dim)
        self._space = Space(self.dim, self.distance, FLOATS[storage], self.truncate_dim or self.dim)
        self.recall = check_recall(recall)
        self.memory = check_memory(memory)
        self._lock = threading.RLock()
        self._wish = Wish(engine, self.distance, storage, self.recall, self.memory)
        self._wish.check()
        self._use(MemoryStore(self._space.width, self.distance, self._space.dtype))

    def _use(self, store: MemoryStore) -> None:
        self._store = store
        self._filters = Filters(store.vocabulary, store.positions_of)
        self._builder = Builder(self._wish, store, self._lock)
        weakref.finalize(self, self._builder.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

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
        with self._lock:
            items = Items(fresh_ids(self._store.next_id, count) if own_ids is None else own_ids, vectors, **beside)
            if count:
                self._put(items, own_ids is not None)
            return items.ids

    def _put(self, items: Items, may_replace: bool) -> None:
        gone = self._store.positions_of(items.ids) if may_replace else np.empty(0, np.intp)
        self._store.put(items, gone[gone >= 0])

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
        with self._lock:
            rows, positions = self._found(checked_ids)
            if not count:
                return
            kept = [name for name, value in given.items() if value is KEEP]
            old = [self._record(rows, position) for position in positions.tolist()] if kept else []
            beside |= check_beside(
                count,
                [record.label for record in old] if "labels" in kept else None,
                [record.data for record in old] if "data" in kept else None,
                [record.metadata for record in old] if "metadata" in kept else None,
                what="ids",
            )
            if vectors is None:
                vectors = rows.take(positions).astype(self._space.dtype, copy=False)
            self._store.put(Items(checked_ids, vectors, **beside), positions)

    def remove(self, ids: Any) -> int:
        """Remove items; return how many there were. An id the index does not hold is no error."""
        checked_ids = as_ids(ids)
        with self._lock:
            positions = self._store.positions_of(checked_ids)
            found = positions[positions >= 0]
            if len(found):
                self._store.remove(found)
        return len(found)

    def build(self) -> EngineReport:
        """Compact the index and build the engine that is due, now; return what answers searches from then on.

        Where the recall asked for is missed, "auto" stays with exact search, and an engine that was asked for by name
        searches as thoroughly as it can; the report and the log say so.

        Cost: for a graph O(n log n), some 100 to 300 µs of CPU a row. Searches go on meanwhile.
        """
        self._builder.build()
        return self._builder.report(self._store.rows)

    def close(self) -> None:
        """Stop what is being built behind; the index can still be searched."""
        self._builder.close()

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
            "storage": self.storage,
            "truncate_dim": self.truncate_dim,
            "recall": self.recall,
            "memory": self.memory,
        }
        return index_to_arrays(self._store, settings)

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], settings: dict[str, Any]) -> "Index":
        """Rebuild what `to_arrays` returned."""
        names = ("engine", "store", "storage", "truncate_dim", "recall", "memory")
        index = cls(settings["dim"], settings["distance"], **{name: settings[name] for name in names})
        index._use(index_from_arrays(arrays, settings, index.distance))
        return index


def _check_width(truncate_dim: Any, dim: int) -> int:
    width = check_whole(truncate_dim, name="truncate_dim", minimum=1)
    if width > dim:
        raise ValueError(
            f"`truncate_dim` must be at most `dim`, {dim}: got {width}.\n  Leave it out to keep every number."
        )
    return width
