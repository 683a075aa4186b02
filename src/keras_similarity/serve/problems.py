"""What goes wrong in a request, as RFC 9457 problem details, or in OpenAI's shape on its route."""

import logging
from http import HTTPStatus

import msgspec

from keras_similarity.errors import (
    CorruptIndexError,
    DatabaseError,
    DatabaseTimeoutError,
    IndexFormatError,
    IndexLockedError,
    IndexMismatchError,
    MissingExtraError,
    NotCalibratedError,
    ReadOnlyIndexError,
    StorageError,
    StorageFullError,
    UnknownIdError,
)

__all__ = ["PROBLEM_TYPE", "Problem", "as_problem", "problem_body"]

logger = logging.getLogger(__name__)

PROBLEM_TYPE = b"application/problem+json"
OPENAI_ROUTE = "/v1/embeddings"

# The first that fits: a subclass stands before its parent.
STATUS_OF: tuple[tuple[type[Exception], int], ...] = (
    (UnknownIdError, 404),
    (IndexMismatchError, 409),
    (NotCalibratedError, 409),
    (ReadOnlyIndexError, 403),
    (IndexLockedError, 503),
    (StorageFullError, 507),
    (StorageError, 503),
    (CorruptIndexError, 503),
    (IndexFormatError, 503),
    (DatabaseTimeoutError, 504),
    (DatabaseError, 503),
    (MissingExtraError, 501),
    (FileExistsError, 409),
    (ValueError, 422),
    (TypeError, 422),
)


class Problem(Exception):
    """A request that is answered with an error.

    Args:
        status: The HTTP status.
        detail: What must hold, what came in, and what to do now.
        headers: More headers of the answer.
    """

    def __init__(self, status: int, detail: str, *, headers: dict[bytes, bytes] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


def as_problem(error: Exception, request_id: str) -> Problem:
    """Return whatever was raised as a problem; what nobody foresaw is a 500, and the log has the rest."""
    if isinstance(error, Problem):
        return error
    for kind, status in STATUS_OF:
        if isinstance(error, kind):
            return Problem(status, str(error), headers={b"retry-after": b"1"} if status == 503 else None)
    logger.error("request %s failed", request_id, exc_info=error, extra={"request_id": request_id})
    return Problem(500, f"the server failed; its log says why, under {request_id}.\n  Report it.")


def problem_body(problem: Problem, path: str, request_id: str) -> tuple[bytes, bytes]:
    """Return the media type and the body of an answer."""
    if path == OPENAI_ROUTE:
        kind = "invalid_request_error" if problem.status < 500 else "server_error"
        error = {"message": problem.detail, "type": kind, "param": None, "code": str(problem.status)}
        return b"application/json", msgspec.json.encode({"error": error})
    title = HTTPStatus(problem.status).phrase
    body = {"type": "about:blank", "title": title, "status": problem.status, "detail": problem.detail}
    return PROBLEM_TYPE, msgspec.json.encode(body | {"request_id": request_id})
