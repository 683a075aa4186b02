"""What goes wrong in a database, as errors of this package, and which of it is worth another try.

https://www.postgresql.org/docs/current/errcodes-appendix.html names the codes. Only a server's primary message is
repeated: its details quote rows, and libpq's own words quote connection strings.
"""

from typing import Any

from keras_similarity.errors import (
    DatabaseError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    IndexLockedError,
    KerasSimilarityError,
    ReadOnlyIndexError,
    StorageFullError,
)

__all__ = ["as_failure", "is_fleeting", "is_lost"]

GONE = ("57P01", "57P02", "57P03", "57P05", "53300")  # shut down, crashed, starting, idle too long, too many clients
UNDONE = ("40001", "40P01")  # could not be serialised, deadlock: the same transaction again may do


def is_lost(error: Exception) -> bool:
    """Whether the connection is gone, not the statement wrong."""
    import psycopg

    code = getattr(error, "sqlstate", None)
    if code is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return code in GONE or code.startswith("08")


def is_fleeting(error: Exception) -> bool:
    """Whether the same transaction may succeed a moment later."""
    return is_lost(error) or getattr(error, "sqlstate", None) in UNDONE


def as_failure(error: Any, shown: str) -> KerasSimilarityError:
    """Return an error of psycopg as one of ours.

    Args:
        error: What was raised.
        shown: What people may see of the index's address.
    """
    code = getattr(error, "sqlstate", None)
    said = getattr(getattr(error, "diag", None), "message_primary", None) or type(error).__name__
    if is_lost(error):
        return DatabaseUnavailableError(
            f"the database of {shown} went away: {said}.\n  Nothing was changed; try again when it is back."
        )
    if code == "57014":
        return DatabaseTimeoutError(
            f"the database of {shown} ended a statement: {said}.\n"
            "  Nothing was changed; allow more time (statement_timeout), or ask for less at a time."
        )
    if code == "55P03":
        return IndexLockedError(f"another process writes to {shown}: {said}.\n  Try again, or raise lock_timeout.")
    if code == "53100":
        return StorageFullError(f"the disk of the database of {shown} is full.\n  Nothing was changed; make room.")
    if code == "25006":
        return ReadOnlyIndexError(f"{shown} cannot be written to: {said}.\n  Connect to the primary server.")
    if code == "42501":
        return DatabaseError(f"the database of {shown} refused: {said}.\n  Connect as a user who may.")
    if code == "42P01":
        return DatabaseError(f"the tables of {shown} are not there any more: {said}.\n  Was the index dropped?")
    return DatabaseError(
        f"the database of {shown} refused: {said} ({code}).\n  Nothing was changed; the server's log may say why."
    )
