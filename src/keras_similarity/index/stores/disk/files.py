"""Files that appear whole or not at all, and what the operating system says when they cannot."""

import contextlib
import errno
import os
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import IO, Any

from keras_similarity.core.sync import sync_folder
from keras_similarity.errors import ReadOnlyIndexError, StorageError, StorageFullError
from keras_similarity.index.stores.disk.write_points import at_write_point

__all__ = ["explained", "sweep", "write_whole"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, write: Callable[[IO[bytes]], Any], *, sync: bool = True) -> None:
    """Write a file beside its place, wait for the disk, and put it there: a crash leaves it whole or away.

    Raises:
        StorageFullError, StorageError: the disk refused; nothing is left behind.
    """
    fresh = path.with_name(f"{path.name}.new")
    with explained(path):
        try:
            with fresh.open("wb") as file:
                at_write_point("file opened")
                write(file)
                file.flush()
                at_write_point("file written")
                if sync:
                    os.fsync(file.fileno())
                at_write_point("file synced")
            fresh.rename(path)
            at_write_point("file renamed")
            if sync:
                sync_folder(path.parent)
            at_write_point("folder synced")
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise


def sweep(folder: Path, named: Collection[str]) -> None:
    """Delete every file but those named, as far as the system lets it: the next writer tries again."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name not in named:
                with contextlib.suppress(OSError):
                    path.unlink()


@contextlib.contextmanager
def explained(path: Path) -> Generator[None, None, None]:
    """Turn what the operating system says into errors of our own."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError | FileNotFoundError):
            raise
        if error.errno in FULL:
            raise StorageFullError(
                f"there is no room for {path}: {error.strerror}.\n"
                "  Free some space and do it again; the index is as it was before."
            ) from error
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise StorageError(
                f"{path} could not be opened: {error.strerror}.\n"
                "  Close files, or raise the limit (`ulimit -n`), and do it again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ReadOnlyIndexError(
                f"{path} cannot be written: {error.strerror}.\n"
                "  Searches work; to write, get permission, or save a copy elsewhere."
            ) from error
        raise StorageError(
            f"{path} could not be written: {error.strerror}.\n  What was added before is safe; look after the disk.",
            lasting=True,
        ) from error
