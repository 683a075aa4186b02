"""A lock of the operating system on an open file. It goes when its process goes."""

import os

__all__ = ["try_lock"]

if os.name == "posix":
    import fcntl

    def try_lock(descriptor: int) -> None:
        """Lock a file that is open for writing, at once.

        Raises:
            BlockingIOError: another has it locked.
            OSError: the file system has no locks.
        """
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
else:
    import msvcrt

    def try_lock(descriptor: int) -> None:
        """Lock the byte where the file's position is, at once: what is locked, others cannot read."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]  Windows only
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
