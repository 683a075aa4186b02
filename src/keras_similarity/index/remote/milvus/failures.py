"""What goes wrong in Milvus, as errors of this package, and which of it is worth another try.

gRPC tells by a code that nothing was answered; Milvus's own errors have a number, and words that name no secret of the
caller's. https://github.com/milvus-io/milvus/blob/master/pkg/util/merr/errors.go lists the numbers.
"""

from collections.abc import Iterator

from keras_similarity.errors import (
    DatabaseError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    KerasSimilarityError,
    StorageFullError,
)

__all__ = ["as_failure", "is_missing", "is_not_ready"]

MISSING = {100}
FULL = {6, 1003}
GONE = ("UNAVAILABLE", "CANCELLED", "ABORTED")
NOT_READY = (
    "not loaded",
    "not fully loaded",
    "channel not available",
    "is not ready",
    "not healthy",
    "node offline",
    "no available shard",
)
TOO_LATE = ("retry timeout", "deadline exceeded", "context done")
MOST_SHOWN = 300  # characters of another's words


def _grpc_codes(error: BaseException | None) -> Iterator[str]:
    """Return the names of the gRPC codes behind an error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # pymilvus raises an error from itself
        seen.add(id(error))
        code = getattr(error, "code", None)
        code = code() if callable(code) else code
        if hasattr(code, "name") and not isinstance(code, int):
            yield str(code.name)
        error = error.__cause__


def _number(error: BaseException) -> int | None:
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None


def _words(error: BaseException) -> str:
    said = str(getattr(error, "message", "") or error)
    return " ".join(said.split())


def is_unreachable(error: BaseException) -> bool:
    """Whether nothing answered; pymilvus has then tried again for as long as the call may take."""
    return any(code in GONE for code in _grpc_codes(error)) or "fail connecting" in _words(error).lower()


def is_not_ready(error: BaseException) -> bool:
    """Whether the server is there, and says that it cannot answer yet."""
    words = _words(error).lower()
    return any(part in words for part in NOT_READY)


def is_missing(error: BaseException) -> bool:
    """Whether there is no such collection."""
    return _number(error) in MISSING or "can't find collection" in _words(error).lower()


def as_failure(error: BaseException, shown: str, secrets: tuple[str, ...]) -> KerasSimilarityError:
    """Return an error of pymilvus as one of ours.

    Args:
        error: What was raised.
        shown: What people may see of the index's address.
        secrets: What is blotted out of the words of others.
    """
    said = _words(error)
    for secret in secrets:
        said = said.replace(secret, "***")
    said = said[:MOST_SHOWN].rstrip(".")
    codes = list(_grpc_codes(error))
    if is_unreachable(error) or is_not_ready(error):
        return DatabaseUnavailableError(
            f"the Milvus of {shown} cannot be reached, or is not ready: {said}.\n"
            "  Nothing was changed; check that it runs, and the user, the password or the token."
        )
    if "DEADLINE_EXCEEDED" in codes or any(part in said.lower() for part in TOO_LATE):
        return DatabaseTimeoutError(
            f"Milvus did not answer for {shown} in the time allowed.\n"
            "  Allow more (&timeout=60), or ask for less at a time."
        )
    if is_missing(error):
        return DatabaseError(f"the collection of {shown} is not there any more: {said}.\n  Was the index dropped?")
    if "UNAUTHENTICATED" in codes or "PERMISSION_DENIED" in codes or "auth" in said.lower():
        return DatabaseError(f"the Milvus of {shown} refused: {said}.\n  Check the user, the password or the token.")
    if _number(error) in FULL:
        return StorageFullError(f"the Milvus of {shown} has no room: {said}.\n  Nothing was changed; make room.")
    return DatabaseError(
        f"the Milvus of {shown} refused: {said}.\n  Nothing was changed; the server's log may say why."
    )
