"""A body as what its schema says, or a 400 that names what is wrong in it."""

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from keras_similarity.serve.problems import Problem

__all__ = ["decode"]

UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `(.*)`)?$", re.DOTALL)

T = TypeVar("T", bound=msgspec.Struct)


def decode(body: bytes, schema: type[T]) -> T:
    """Decode a body.

    Raises:
        Problem: 400 for no JSON, text that is no UTF-8, a wrong type, an unknown or repeated key, endless nesting.
    """
    try:
        decoded = _decoder(schema)(body)
        if _may_repeat_keys(body, decoded):
            json.loads(body, object_pairs_hook=_without_repeats)
    except msgspec.ValidationError as error:
        raise Problem(400, _explained(str(error), schema)) from error
    except msgspec.DecodeError as error:
        raise Problem(400, f"the body must be JSON: {error}.\n  Send one JSON object.") from error
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body must be JSON in UTF-8: {error}.\n  Encode it so.") from error
    except RecursionError as error:
        raise Problem(400, "the body is nested too deeply.\n  Send flat objects.") from error
    return decoded


@lru_cache
def _decoder(schema: type[T]) -> Callable[[bytes], T]:
    return msgspec.json.Decoder(schema).decode


@lru_cache
def _quoted_names(schema: type[msgspec.Struct]) -> tuple[bytes, ...]:
    return tuple(f'"{name}"'.encode() for name in schema.__struct_fields__)


@lru_cache
def _any_name(schema: type[msgspec.Struct]) -> Callable[[bytes], list[bytes]]:
    return re.compile(b"|".join(_quoted_names(schema)) or rb"(?!)").findall


def _may_repeat_keys(body: bytes, decoded: msgspec.Struct) -> bool:
    """Whether a name occurs oftener than there are objects to have it: a quick look, which can only err to be safe."""
    if b"\\u" in body:
        return True
    items = getattr(decoded, "items", None)
    if items is not None:
        names, most = _quoted_names(type(items[0])) if items else (), len(items)
        return body.count(b'"items"') > 1 or any(body.count(name) > most for name in names)
    if isinstance(getattr(decoded, "where", None), dict):
        return True
    found = _any_name(type(decoded))(body)
    return len(set(found)) < len(found)


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise Problem(
                400, f"a key may be there once in an object: {key!r:.80} is there twice.\n  Keep one of them."
            )
        seen.add(key)


def _explained(message: str, schema: type[msgspec.Struct]) -> str:
    unknown = UNKNOWN.match(message)
    if unknown is None:
        return f"the body does not fit: {message}.\n  /openapi.json describes it."
    inner: type[msgspec.Struct] = _item_schema(schema) if unknown[2] else schema
    known = inner.__struct_fields__
    close = get_close_matches(unknown[1], known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    where = f" at {unknown[2]}" if unknown[2] else ""
    keys = ", ".join(known) or "none"
    return f"the body may have the keys {keys}{where}: got {unknown[1]!r:.80}.\n  {hint}Leave it out."


def _item_schema(schema: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the schema of a list's objects, of which there is one here."""
    fields = {field.name: field.type for field in msgspec.structs.fields(schema)}
    return fields["items"].__args__[0] if "items" in fields else schema
