"""A folder in the place of another, whole or not at all, and what a crash between the two steps of that leaves.

No system call replaces a folder that is not empty: the old one is moved aside first. Who does that holds a lock on the
new folder, which goes when its process goes. So what a crash left is told from a replacement that is under way, and
taking the old folder back never undoes one.
"""

import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Generator
from pathlib import Path

from keras_similarity.core.file_lock import try_lock
from keras_similarity.core.sync import sync_folder
from keras_similarity.index.stores.disk.write_points import at_write_point

__all__ = ["replace_whole", "set_aside", "take_back"]

logger = logging.getLogger(__name__)

NEW, OLD = "new", "old"
PATIENCE_SECONDS = 1.0  # between the two steps lie microseconds
PAUSE_SECONDS = 0.01


def replace_whole(target: Path, write: Callable[[Path], None]) -> None:
    """Fill a folder beside `target`, then put it there; what was there survives any failure before.

    Args:
        target: Nothing, or a folder that may go.
        write: Fills the empty folder it is given, and waits for the disk.
    """
    take_back(target)
    mark = secrets.token_hex(4)  # and no process id: in a container it is the same each time
    fresh, old = (target.with_name(f".{target.name}.{kind}-{mark}") for kind in (NEW, OLD))
    fresh.mkdir()
    try:
        with _locked(fresh):
            write(fresh)
            sync_folder(fresh)
            _swap(target, fresh, old)
        for left in set_aside(target):
            if not _new_of(left).exists():
                shutil.rmtree(left, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(target: Path, fresh: Path, old: Path) -> None:
    in_place = False
    try:
        if target.exists():
            target.rename(old)
        at_write_point("old index aside")
        fresh.rename(target)
        in_place = True
        at_write_point("new index in place")
        sync_folder(target.parent)
    except BaseException:
        if in_place:
            target.rename(fresh)
        if old.exists():
            old.rename(target)
        raise


def take_back(target: Path) -> None:
    """Put back the folder that a replacement moved aside before it was killed, where there is none; wait for one alive.

    It stays aside where it cannot be known that nobody is at it: see `set_aside`.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while not target.exists():
        pairs = [(old, _new_of(old)) for old in set_aside(target) if _new_of(old).exists()]
        if any(_is_taken_back(target, old, fresh) for old, fresh in pairs) or not pairs or time.monotonic() >= until:
            return
        time.sleep(PAUSE_SECONDS)


def set_aside(target: Path) -> list[Path]:
    """Return the folders beside `target` that were moved aside for a new one."""
    with contextlib.suppress(OSError):  # no folder, or one whose names are not ours to read
        return sorted(path for path in target.parent.iterdir() if path.name.startswith(f".{target.name}.{OLD}-"))
    return []


def _is_taken_back(target: Path, old: Path, fresh: Path) -> bool:
    with _locked(fresh) as is_mine:
        if not is_mine or target.exists():
            return False
        with contextlib.suppress(OSError):  # a folder to read only, or another process was quicker
            old.rename(target)
            sync_folder(target.parent)
            logger.warning("%s was killed while a new one took its place: it is back from %s", target, old.name)
            shutil.rmtree(fresh, ignore_errors=True)
            return True
    return False


def _new_of(old: Path) -> Path:
    start, _, mark = old.name.rpartition(f".{OLD}-")
    return old.with_name(f"{start}.{NEW}-{mark}")


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[bool, None, None]:
    """Hold the lock of a folder; tell whether it is held: not where another has it, nor where folders have none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        yield _is_locked_now(descriptor)
    finally:
        os.close(descriptor)


def _is_locked_now(descriptor: int) -> bool:
    try:
        try_lock(descriptor)
    except OSError:
        return False
    return True
