"""One writer: a lock of the operating system on a file that names its owner. It goes when its process goes."""

import contextlib
import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keras_similarity.core.file_lock import try_lock
from keras_similarity.errors import IndexLockedError, ReadOnlyIndexError

__all__ = ["WriterLock"]

MOST_BYTES = 4096  # of what an owner writes about itself


class WriterLock:
    """The right to write to an index in a folder, held from `take` to `release`.

    Args:
        path: The file to lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._pid = 0

    @property
    def is_held(self) -> bool:
        """Whether this process holds it; a child of a fork does not."""
        return self._descriptor is not None and self._pid == os.getpid()

    def take(self) -> None:
        """Take the lock at once, or say who has it.

        Raises:
            IndexLockedError: another process holds it, or another index of this one.
            ReadOnlyIndexError: the folder cannot be written to, or its file system has no locks.
        """
        if self.is_held:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise ReadOnlyIndexError(
                f"the index in {self._path.parent} cannot be written to: {error.strerror}.\n"
                "  Searches work; to write, get permission, or save a copy elsewhere."
            ) from error
        try:
            try_lock(descriptor)
        except BlockingIOError as error:
            owner = _owner(descriptor)
            os.close(descriptor)
            raise _locked(self._path.parent, owner) from error
        except OSError as error:
            os.close(descriptor)
            raise ReadOnlyIndexError(
                f"the index in {self._path.parent} cannot be locked: {error.strerror}.\n"
                "  Its file system has no locks that hold; keep it on a local disk to write to it."
            ) from error
        self._descriptor, self._pid = descriptor, os.getpid()
        _describe_owner(descriptor)

    def release(self) -> None:
        """Give the lock back; a child of a fork only lets go of its copy."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _describe_owner(descriptor: int) -> None:
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    about = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "program": program,
    }
    with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(about).encode())


def _owner(descriptor: int) -> dict[str, Any]:
    try:
        about = json.loads(os.read(descriptor, MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def _locked(folder: Path, owner: dict[str, Any]) -> IndexLockedError:
    pid, host, since = owner.get("pid"), owner.get("host"), owner.get("since")
    who = f"process {pid} ({owner.get('program')}) on {host} since {since}" if owner else "another process"
    mine = " That is this process: use the index it has open, or close it." if pid == os.getpid() else ""
    return IndexLockedError(
        f"the index in {folder} is being written to by {who}; there can be one writer.{mine}\n"
        "  Wait until it closes the index. Searching needs no lock.",
        pid=pid,
        host=host,
        since=since,
    )
