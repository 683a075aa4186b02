"""What becomes of an index: built, compacted, saved, opened, checked, closed."""

import os
import re
import threading
import weakref
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from keras_similarity.core.distances import Distance
from keras_similarity.errors import CorruptIndexError
from keras_similarity.index.builder import Builder
from keras_similarity.index.check_report import CheckReport
from keras_similarity.index.filters import Filters
from keras_similarity.index.folder import read_folder, replace_folder
from keras_similarity.index.graph import EngineReport
from keras_similarity.index.readable import Readable
from keras_similarity.index.remote import DATABASES, database_class, is_address, shown_address
from keras_similarity.index.settings import Settings
from keras_similarity.index.snapshot import index_from_arrays, index_to_arrays
from keras_similarity.index.stores import MemoryStore
from keras_similarity.index.stores.disk.folder import (
    check_durability,
    check_free,
    create_folder,
    is_store,
    open_folder,
    read_settings,
)
from keras_similarity.index.stores.disk.repair import check_folder, finish_repair, is_half_repaired
from keras_similarity.index.stores.disk.snapshot import write_snapshot

__all__ = ["Kept", "as_path", "place_of"]

MEMORY = "memory"
ADDRESS = re.compile(rf"://|^({'|'.join(DATABASES)}):/")  # a URL, and what `Path` makes of one


class Kept(Readable):
    """The half of `Index` that keeps it."""

    def _make(self, settings: Settings, store: str | os.PathLike[str], durability: str) -> None:
        """Become a new, empty index."""
        space = settings.space
        if store == MEMORY:
            return self._use(settings, MemoryStore(space.width, space.distance, space.dtype), MEMORY)
        path = as_path(store, name="store")
        check_durability(durability)
        create_folder(path, settings.to_json())
        found = open_folder(path, space.distance, space.width, space.dtype, durability=durability, read_only=False)
        found.begin_write()
        return self._use(settings, found, str(path))

    def _live_at(self, place: str, settings: Settings) -> None:
        self.settings = settings
        self.dim, self.distance, self.engine = settings.dim, settings.distance, settings.engine
        self.storage = settings.storage
        self.store = place
        self._space = settings.space
        self._lock = threading.RLock()

    def _use(self, settings: Settings, store: Any, place: str) -> None:
        self._live_at(place, settings)
        self._store = store
        self._filters = Filters(store.vocabulary, store.positions_of)
        self._builder = Builder(settings.wish, store, self._lock)
        weakref.finalize(self, self._builder.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def build(self) -> EngineReport:
        """Compact the index and build the engine that is due, now; return what answers searches from then on.

        Where the recall asked for is missed, "auto" stays with exact search, and an engine that was asked for by name
        searches as thoroughly as it can; the report and the log say so.

        Raises:
            MissingExtraError: the engine's package is not installed.
            IndexLockedError, ReadOnlyIndexError, StorageError: an index on disk that cannot be written to.

        Cost: for a graph O(n log n), some 100 to 300 µs of CPU a row. Searches go on meanwhile.
        """
        self._builder.build()
        return self._builder.report(self._store.rows)

    def compact(self) -> None:
        """Give back the room of removed items, in memory and on disk; a graph there was is built again.

        Raises:
            IndexLockedError, ReadOnlyIndexError, StorageError: an index on disk that cannot be written to.

        Cost: one copy of what is left, and building a graph where there was one.
        """
        rows = self._store.rows
        self._builder.build(engine=rows.live_count > 0 and rows.blocks[0].graph is not None)
        with self._lock:
            self._store.vacuum()

    def wait(self) -> None:
        """Return when nothing is being built or loaded behind the searches."""
        self._builder.wait()

    def refresh(self) -> bool:
        """See what another process has written to the index since; return whether there was something.

        A search sees the generation that was the newest when the index was opened, refreshed, or written to from here.
        """
        with self._lock:
            return self._store.refresh()

    def snapshot(self, path: str | os.PathLike[str]) -> None:
        """Copy the index as it is now to a folder that `open` opens, while searches and writes go on.

        Every byte of an index on disk is checked on the way; one in memory or in a database is saved.

        Raises:
            FileExistsError: there is something at `path` already.
            CorruptIndexError: something is damaged; `check` says what.
            IndexLockedError: an index in Milvus that was written to all the while.
            StorageError: the disk refused.
        """
        target = as_path(path, name="path")
        if self.store == MEMORY or is_address(self.store):
            check_free(target)
            self.save(target)
        else:
            write_snapshot(Path(self.store), target)

    def check(self, *, repair: bool = False) -> CheckReport:
        """Read every byte and say what is damaged.

        Args:
            repair: Go on without what is damaged; the report names what was lost. See also `repair`, for an index that
                cannot even be opened.

        Raises:
            CorruptIndexError: the settings or the state are damaged, without which nothing can be repaired.
            IndexLockedError, ReadOnlyIndexError: a repair, and the index cannot be written to.
        """
        if self.store == MEMORY:
            return self._store.check()
        space = self.settings.space
        if not repair:
            with self._lock:
                return check_folder(Path(self.store), space.width, space.dtype, repair=False)
        # In this order: a build that is under way needs the index's lock to end.
        with self._builder.paused(), self._lock:
            self._store.begin_write()
            return self._store.repaired()

    @classmethod
    def repair(cls, path: str | os.PathLike[str]) -> CheckReport:
        """Check an index on disk without opening it, and go on without what is damaged; see `check`."""
        folder = as_path(path, name="path")
        if is_half_repaired(folder):
            finish_repair(folder)
        if not is_store(folder):
            raise FileNotFoundError(f"no index lives in {folder}.\n  Check the path.")
        space = Settings.from_json(read_settings(folder)).space
        return check_folder(folder, space.width, space.dtype, repair=True)

    def close(self) -> None:
        """Stop what is being built behind; let go of the files and the writer's lock of an index on disk."""
        self._builder.close()
        with self._lock:
            self._store.close()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a folder, whole or not at all; an index that was saved there is replaced.

        `open` reads it back into memory, wherever this one lives; to copy an index on disk as it is, use `snapshot`.

        Raises:
            FileExistsError: `path` exists, and is neither empty nor holds a saved index.
            UnknownIdError: an index on disk that another process compacted since; `refresh` sees what is left.
        """
        replace_folder(as_path(path, name="path"), *self.to_arrays())

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        durability: str = "full",
        distance: str | Distance | None = None,
        model: str | None = None,
    ) -> Self:
        """Open an index that lives in a folder or in a database, or read one that `save` wrote into memory.

        Args:
            path: The folder, or the URL of a database: `postgresql://…?table=NAME`, `milvus://…?table=NAME`,
                `qdrant://…?table=NAME`.
            read_only: Refuse writes. Without it, the first write makes this process the writer, until `close`.
            durability: For writes to an index on disk: "full" waits until they survive a power cut; "fast" until they
                survive a crash of the process, and a power cut may take the last of them.
            distance: The index's own distance where it is none of the known ones.
            model: What made the embeddings to come; it must be what made those in the index, where that is known.

        Raises:
            FileNotFoundError: no index is there.
            IndexFormatError: a newer format, or (`CorruptIndexError`) damaged files. Embeddings, data and metadata on
                disk are checked when they are read.
            IndexMismatchError: an index of another distance or model.
            DatabaseUnavailableError, DatabaseError: a database that cannot be reached, or lacks pgvector.
        """
        if is_address(path):
            wanted = {"read_only": read_only, "durability": durability, "distance": distance, "model": model}
            return database_class(str(path)).open(path, **wanted)
        folder = as_path(path, name="path")
        check_durability(durability)
        if is_half_repaired(folder):
            raise CorruptIndexError(
                f"a repair of the index in {folder} is under way, or was interrupted.\n"
                "  `Index.repair(path)` finishes it."
            )
        if not is_store(folder):
            index = cls.from_arrays(*read_folder(folder), distance=distance)
            index.settings.require_model(model)
            index._store.read_only = read_only
            return index
        settings = Settings.from_json(read_settings(folder), distance)
        settings.require_model(model)
        space = settings.space
        index = cls.__new__(cls)
        found = open_folder(
            folder, space.distance, space.width, space.dtype, durability=durability, read_only=read_only
        )
        index._use(settings, found, str(folder))
        index._builder.load()
        return index

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the whole index as arrays and JSON settings, for a file format to keep.

        Example:
            >>> from keras_similarity import Index
            >>> index = Index(2, "euclidean")
            >>> ids = index.add([[0, 0], [3, 4]])
            >>> arrays, settings = index.to_arrays()
            >>> arrays["embeddings"].tolist(), settings["distance"]
            ([[0.0, 0.0], [3.0, 4.0]], 'euclidean')
        """
        with self._lock:  # or a write between rows and what is kept beside them would mix two moments
            return index_to_arrays(self._store, self.settings.to_json())

    @classmethod
    def from_arrays(
        cls, arrays: dict[str, Any], settings: dict[str, Any], *, distance: str | Distance | None = None
    ) -> Self:
        """Rebuild what `to_arrays` returned, in memory.

        Example:
            >>> from keras_similarity import Index
            >>> index = Index(2, "euclidean")
            >>> ids = index.add([[0, 0], [3, 4]], ids=["near", "far"])
            >>> list(Index.from_arrays(*index.to_arrays()))
            ['near', 'far']
        """
        index = cls.__new__(cls)
        known = Settings.from_json(settings, distance)
        index._use(known, index_from_arrays(arrays, settings, known.distance), MEMORY)
        return index


def place_of(store: str | os.PathLike[str]) -> str:
    """Return what `Index.store` says of an index that lives there."""
    if is_address(store):
        return shown_address(str(store))
    return MEMORY if store == MEMORY else str(as_path(store, name="store"))


def as_path(path: Any, *, name: str) -> Path:
    """Return a folder's path, or raise a ValueError for what can be none."""
    text = os.fspath(path)
    other = ' or "memory"' if name == "store" else ""
    if isinstance(text, str) and ADDRESS.search(text):  # not repeated: it may hold a password
        raise ValueError(
            f"`{name}` must be a folder{other}: got a URL.\n"
            "  In Python, `Index(…, store=url)` and `Index.open(url)` take that of a database, as a string."
        )
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"`{name}` must be a folder{other}: got {path!r:.80}.\n  Pass a path.")
    return Path(text).expanduser()
