"""Bodies in and out, without a detour."""

from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec
from litestar.response.base import ASGIResponse

from keras_similarity.serve.decoding import decode
from keras_similarity.serve.gate import BODY, OTHER_TYPE
from keras_similarity.serve.problems import Problem

__all__ = ["decode_body", "json_reply", "not_ready", "path_id", "query_words", "reply", "wants_renewal"]

ID_PART = 5  # of /v1/indexes/{name}/items/{id}: an id may have slashes of its own
ITEM_ROUTES = ("items", "previews")

T = TypeVar("T", bound=msgspec.Struct)


def decode_body(scope: Any, schema: type[T]) -> T:
    """Return the body of a request, which the gate has read; see `decode`.

    Raises:
        Problem: 415 for what is no JSON, such as a form, which a page of any origin can send.
    """
    if OTHER_TYPE in scope:
        kind = scope[OTHER_TYPE].decode("latin-1")
        raise Problem(415, f"a body must be application/json: got {kind!r:.80}.\n  Send JSON.")
    return decode(scope[BODY], schema)


def path_id(scope: Any) -> int | str:
    """Return the id that a path names: digits are a number, anything else, or in double quotes, a string.

    The router looks at the decoded path with its slashes put in order, in which an id's own cannot be told from the
    others: a path that has the route only then is none.

    Raises:
        Problem: 404 for such a path, 400 for one that is no UTF-8.
    """
    try:
        parts = [unquote(part, errors="strict") for part in scope["raw_path"].decode("ascii").split("/", ID_PART)]
    except UnicodeDecodeError as error:
        raise Problem(400, "an id in a path must be UTF-8.\n  Encode it so, with percent signs.") from error
    route = len(parts) > ID_PART and parts[:3] == ["", "v1", "indexes"] and parts[4] in ITEM_ROUTES
    if not route or "/" in parts[3] or not parts[ID_PART]:
        raise Problem(404, "an item's path is /v1/indexes/NAME/items/ID.\n  In an id, write a slash as %2F.")
    text = parts[ID_PART]
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else text


def json_reply(content: bytes, *, status: int = 200, media_type: str = "application/json") -> ASGIResponse:
    """Return an answer of bytes that are JSON already, or of another type."""
    return ASGIResponse(body=content, status_code=status, media_type=media_type)


def reply(value: Any, *, status: int = 200) -> ASGIResponse:
    """Return a value as JSON."""
    return json_reply(msgspec.json.encode(value), status=status)


def not_ready() -> ASGIResponse:
    """Return the answer that says to ask again."""
    return reply({"ready": False}, status=202)


def query_words(scope: Any) -> dict[str, str]:
    """Return what stands behind the question mark of an address; of a word given twice, the first."""
    try:
        return {name: values[0] for name, values in parse_qs(scope["query_string"].decode("ascii")).items()}
    except ValueError as error:
        raise Problem(400, f"the address's query is none: {error}.\n  Encode it with percent signs.") from error


def wants_renewal(scope: Any) -> bool:
    """Return whether an answer should be made anew."""
    return query_words(scope).get("renew") == "true"
