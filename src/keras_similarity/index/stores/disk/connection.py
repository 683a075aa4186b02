"""Opening SQLite, also where nothing may be written, and saying in our words what it says."""

import contextlib
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

from keras_similarity.errors import CorruptIndexError, ReadOnlyIndexError, StorageError, StorageFullError

__all__ = ["connect", "explained"]

BUSY_SECONDS = 30.0
SYNCHRONOUS = {"full": "FULL", "fast": "NORMAL"}


def connect(path: Path, durability: str, *, create: bool) -> sqlite3.Connection:
    """Open a database, to write where that is possible, else to read.

    Args:
        path: The file.
        durability: "full": a write waits until it is on the disk; "fast": it survives a crash of the process.
        create: Whether to make it.
    """
    if create:
        connection = _open(path, "rwc")
        connection.execute("PRAGMA journal_mode = WAL")
    else:
        connection = _open_existing(path)
    connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
    # Text that is no UTF-8 any more is for a checksum to notice.
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


@contextlib.contextmanager
def explained(path: Path) -> Generator[None, None, None]:
    """Turn what SQLite says into errors of our own."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        raise _translated(path, name, str(error)) from error


def _open_existing(path: Path) -> sqlite3.Connection:
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if writable:
        return _open(path, "rw")
    try:
        connection = _open(path, "ro")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise  # its last writes are in the log, which cannot be read without a file beside it
        # Nobody can write here, so nothing changes: SQLite may leave its own files away.
        return _open(path, "ro&immutable=1")
    return connection


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_SECONDS,
    )


def _translated(path: Path, name: str, text: str) -> Exception:
    if name == "SQLITE_FULL":
        return StorageFullError(
            f"there is no room for {path}: {text}.\n  Free some space and do it again; the index is as it was before."
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or name in ("SQLITE_ERROR", "SQLITE_MISMATCH"):
        return CorruptIndexError(
            f"{path} is damaged: {text}.\n"
            "  `Index.repair(path)` removes what is lost and names it; a snapshot brings it back."
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return ReadOnlyIndexError(
            f"{path} cannot be written to: {text}.\n"
            "  Searches work; to write, get permission, or save a copy elsewhere."
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return StorageError(
            f"{path} could not be opened: {text}.\n  Check permissions, and how many files may be open (`ulimit -n`)."
        )
    if name.startswith("SQLITE_BUSY"):
        return StorageError(
            f"{path} has been busy for {BUSY_SECONDS:.0f} seconds: {text}.\n"
            "  Do it again when other processes are done."
        )
    return StorageError(
        f"the disk refused {path}: {text} ({name}).\n  What was added before is safe; look after the disk.",
        lasting=name != "SQLITE_IOERR_WRITE",  # which is how a limit on the size of files shows
    )
