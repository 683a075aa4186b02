"""What goes wrong in Qdrant, as errors of this package, and which of it is worth another try."""

import json
import sqlite3
from typing import Any

from keras_similarity.errors import (
    DatabaseError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    IndexLockedError,
    KerasSimilarityError,
    StorageFullError,
)

__all__ = ["as_failure", "is_theirs"]

TOO_LATE = (408, 504)
AWAY = (429, 502, 503)
REFUSED = (401, 403)
MOST_SHOWN = 300  # characters of another's words
WRITTEN = "What was being written may be there in part; writing it again with the same ids does no harm."


def is_theirs(error: Exception) -> bool:
    """Whether an error comes from Qdrant: its client raises ValueErrors and RuntimeErrors for what a server refuses."""
    known = isinstance(error, ValueError | RuntimeError | OSError | sqlite3.Error)
    return known or type(error).__module__.partition(".")[0] == "qdrant_client"


def as_failure(error: Any, shown: str, secret: str, *, writes: bool) -> KerasSimilarityError:
    """Return an error of Qdrant as one of ours.

    Args:
        error: What was raised.
        shown: What people may see of the index's address.
        secret: What is blotted out of the words of others, "" for nothing.
        writes: Whether it was raised by a write.
    """
    said, code = _words(error, secret), getattr(error, "status_code", None)
    source = type(getattr(error, "source", None)).__name__  # what the HTTP client raised
    after = WRITTEN if writes else "Nothing was changed."
    if code in TOO_LATE or "Timeout" in source:
        return DatabaseTimeoutError(
            f"Qdrant did not answer for {shown} in the time allowed.\n  {after} Allow more: &timeout=60."
        )
    if code in AWAY or source != "NoneType" or type(error).__name__ == "ResourceExhaustedResponse":
        return DatabaseUnavailableError(
            f"the Qdrant of {shown} cannot be reached, or went away: {said}.\n  {after} Check that it runs."
        )
    if "already accessed by another instance" in said:
        return IndexLockedError(
            f"another process has {shown} open, and a folder serves one at a time.\n  Close it there, or run a server."
        )
    if "disk is full" in said or "No space left" in said:
        return StorageFullError(f"the Qdrant of {shown} has no room: {said}.\n  {after} Make room.")
    where = after if writes else "Nothing was changed; the server's log may say why."
    hint = "Check the api_key." if code in REFUSED else where
    return DatabaseError(f"the Qdrant of {shown} refused: {said}.\n  {hint}")


def _words(error: Any, secret: str) -> str:
    content = getattr(error, "content", b"")
    try:
        said = str(json.loads(content)["status"]["error"])
    except (ValueError, KeyError, TypeError):
        source = getattr(error, "source", error)
        said = f"{error.status_code} {error.reason_phrase}" if content else str(source) or type(source).__name__
    said = " ".join(said.split())
    return (said.replace(secret, "***") if secret else said)[:MOST_SHOWN].rstrip(".")
