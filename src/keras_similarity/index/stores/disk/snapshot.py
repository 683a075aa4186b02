"""A copy of an index on disk as it is at one moment, while it is written to and searched."""

import os
import shutil
import sqlite3
from pathlib import Path

from keras_similarity.core.sync import sync_folder
from keras_similarity.errors import CorruptIndexError
from keras_similarity.index.stores.disk.connection import connect, explained
from keras_similarity.index.stores.disk.database import FILE, Database
from keras_similarity.index.stores.disk.files import explained as files_explained
from keras_similarity.index.stores.disk.folder import check_free
from keras_similarity.index.stores.disk.graphs import GRAPHS
from keras_similarity.index.stores.disk.reader import RETRIES, SEGMENTS
from keras_similarity.index.stores.disk.segments import Segment
from keras_similarity.index.stores.disk.state import State
from keras_similarity.index.stores.disk.write_points import at_write_point

__all__ = ["write_snapshot"]


def write_snapshot(folder: Path, target: Path) -> None:
    """Copy the index in a folder to a folder that is to be made, whole or not at all, every byte checked.

    Raises:
        FileExistsError: `target` is there already.
        CorruptIndexError: something in the index is damaged.
        StorageError: the disk refused.
    """
    check_free(target)
    fresh = target.with_name(f".{target.name}.new-{os.getpid()}")
    try:
        for attempt in range(RETRIES):
            with files_explained(target):
                shutil.rmtree(fresh, ignore_errors=True)
                for name in (SEGMENTS, GRAPHS):
                    (fresh / name).mkdir(parents=True)
            state = _copied_database(folder, fresh)
            try:
                _copy_files(folder, fresh, state)
                break
            except CorruptIndexError:
                if attempt == RETRIES - 1 or not _moved_on(folder, state):
                    raise
        with files_explained(target):
            for made in (fresh / SEGMENTS, fresh / GRAPHS, fresh):
                sync_folder(made)
            at_write_point("snapshot written")
            if target.exists():
                target.rmdir()
            fresh.rename(target)
            at_write_point("snapshot renamed")
            sync_folder(target.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _copied_database(folder: Path, fresh: Path) -> State:
    path = folder / FILE
    with explained(path):
        connection = connect(path, "full", create=False)
        try:
            connection.execute("VACUUM INTO ?", (str(fresh / FILE),))
        finally:
            connection.close()
    with explained(fresh / FILE):
        copy = sqlite3.connect(fresh / FILE, isolation_level=None)
        copy.execute("PRAGMA journal_mode = WAL")
        copy.close()
    with files_explained(fresh):
        _sync_file(fresh / FILE)
    at_write_point("database copied")
    database = Database(fresh)
    try:
        return database.state()
    finally:
        database.close()


def _copy_files(folder: Path, fresh: Path, state: State) -> None:
    for name in state.segments:
        segment = Segment(folder / SEGMENTS, name)
        for part in segment.parts().values():
            part.check()
        _copy(segment.path, fresh / SEGMENTS / name.file)
    if state.graph is not None and (folder / GRAPHS / state.graph["file"]).is_file():
        _copy(folder / GRAPHS / state.graph["file"], fresh / GRAPHS / state.graph["file"])


def _copy(source: Path, target: Path) -> None:
    with files_explained(target):
        shutil.copyfile(source, target)
        _sync_file(target)
        at_write_point("file copied")


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _moved_on(folder: Path, state: State) -> bool:
    """Whether the index was written to meanwhile, so that a segment may be missing for that reason."""
    database = Database(folder)
    try:
        return database.state().generation != state.generation
    finally:
        database.close()
