"""Making and opening the folder of an index that lives on disk."""

import os
import shutil
from pathlib import Path
from typing import Any

from keras_similarity.core.checks import check_choice
from keras_similarity.core.sync import sync_folder
from keras_similarity.index.stores.disk.compaction import CompactingStore
from keras_similarity.index.stores.disk.connection import SYNCHRONOUS
from keras_similarity.index.stores.disk.database import FILE, Database
from keras_similarity.index.stores.disk.files import explained
from keras_similarity.index.stores.disk.graphs import GRAPHS
from keras_similarity.index.stores.disk.reader import SEGMENTS

__all__ = ["check_durability", "check_free", "create_folder", "is_store", "open_folder", "read_settings"]


def is_store(path: Path) -> bool:
    """Whether an index lives in this folder."""
    return (path / FILE).is_file()


def check_durability(durability: Any) -> str:
    """Return "full" or "fast", or raise a ValueError."""
    check_choice(durability, SYNCHRONOUS, name="durability")
    return durability


def check_free(path: Path) -> None:
    """Raise a FileExistsError unless a folder can be made here."""
    if is_store(path):
        raise FileExistsError(f"an index lives in {path} already.\n  Open it with `Index.open({str(path)!r})`.")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path} exists and is no empty folder: it is left alone.\n  Choose another path.")


def create_folder(path: Path, settings: dict[str, Any]) -> None:
    """Make the folder of a new index, whole or not at all.

    Raises:
        FileExistsError: there is something already.
        StorageError: the disk refused.
    """
    check_free(path)
    fresh = path.with_name(f".{path.name}.new-{os.getpid()}")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
    try:
        with explained(path):
            for name in (SEGMENTS, GRAPHS):
                (fresh / name).mkdir()
            database = Database(fresh, create=True)
            database.create(settings)
            database.close()
            sync_folder(fresh)
            if path.exists():
                path.rmdir()
            fresh.rename(path)
            sync_folder(path.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_settings(path: Path) -> dict[str, Any]:
    """Return what the index in a folder was made with.

    Raises:
        IndexFormatError: another format, or damage.
    """
    database = Database(path)
    try:
        return database.settings()
    finally:
        database.close()


def open_folder(path: Path, *about: Any, durability: str, read_only: bool) -> CompactingStore:
    """Open the index in a folder."""
    return CompactingStore(path, *about, durability=durability, read_only=read_only)
