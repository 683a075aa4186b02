"""Bodies in and out, without a detour."""

from typing import Any, TypeVar

import msgspec
from litestar.response.base import ASGIResponse

from keras_similarity.serve.decoding import decode
from keras_similarity.serve.gate import BODY

__all__ = ["decode_body", "json_reply", "reply"]

T = TypeVar("T", bound=msgspec.Struct)


def decode_body(scope: Any, schema: type[T]) -> T:
    """Return the body of a request, which the gate has read; see `decode`."""
    return decode(scope[BODY], schema)


def json_reply(content: bytes, *, status: int = 200, media_type: str = "application/json") -> ASGIResponse:
    """Return an answer of bytes that are JSON already, or of another type."""
    return ASGIResponse(body=content, status_code=status, media_type=media_type)


def reply(value: Any, *, status: int = 200) -> ASGIResponse:
    """Return a value as JSON."""
    return json_reply(msgspec.json.encode(value), status=status)
