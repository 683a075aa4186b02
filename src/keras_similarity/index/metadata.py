"""Metadata: one JSON object a row, checked and copied when it comes, so that it reads back as it was given."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["as_metadata", "copied"]

MOST_DEEP = 32  # levels of lists and objects
MOST_INT = 2**63  # an int beyond 64 bits is no number to SQLite and most readers of JSON

Metadata = list[dict[str, Any] | None]


def as_metadata(values: Any, *, name: str = "metadata") -> Metadata:
    """Copy one JSON object per row.

    Args:
        values: A sequence of dicts with strings for keys, or None for a row without; their values are strings, finite
            numbers, booleans, None, and lists and dicts of these.
        name: What the caller calls it, for the message.

    Raises:
        TypeError: something else; the message names its row and key.
        ValueError: NaN or infinity, an int beyond 64 bits, text that is no valid Unicode, or more than 32 levels.
    """
    if isinstance(values, Mapping | str | bytes) or not hasattr(values, "__len__"):
        raise TypeError(
            f"`{name}` needs a list with one dict per row: got a {type(values).__name__}.\n"
            "  For one row, pass [{…}]; for one dict in every row, [{…}] * n."
        )
    return [_row(value, row, name) for row, value in enumerate(values)]


def _row(value: Any, row: int, name: str) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TypeError(
            f"`{name}` needs a dict or None for each row: row {row} is {value!r:.60}, a {type(value).__name__}.\n"
            '  Pass {"name": value}.'
        )
    return {_key(key, row, name): copied(item, row, f"{name}[{key!r}]", 1) for key, item in value.items()}


def _key(key: Any, row: int, name: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"`{name}` needs strings for keys: row {row} has {key!r:.60}.\n  Pass {str(key)!r:.60}.")
    return _text(key, row, name)


def copied(value: Any, row: int, name: str, depth: int = 0) -> Any:
    """Return a JSON value of row `row` as plain Python values of its own, or raise."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str):
        return _text(value, row, name)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) or (isinstance(value, int) and not -MOST_INT <= value < MOST_INT):
            raise ValueError(
                f"`{name}` needs finite numbers, and ints of 64 bits: row {row} holds {value!r:.60}.\n"
                "  Pass None for what is missing, and larger ints as strings."
            )
        return value
    if depth >= MOST_DEEP:
        raise ValueError(
            f"`{name}` may have {MOST_DEEP} levels: row {row} has more.\n  Flatten it, or keep it in `data`."
        )
    if isinstance(value, list | tuple):
        return [copied(item, row, name, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {_key(key, row, name): copied(item, row, name, depth + 1) for key, item in value.items()}
    raise TypeError(
        f"`{name}` needs what JSON can say: row {row} holds {value!r:.60}, a {type(value).__name__}.\n"
        "  Pass a string, a number, a bool, None, or a list or dict of these; a date as its ISO string."
    )


def _text(value: str, row: int, name: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"`{name}` needs valid Unicode: row {row} holds {value!r:.60}.\n  Decode it with errors='replace'."
            ) from error
    return value
