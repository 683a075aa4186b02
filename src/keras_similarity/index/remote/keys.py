"""Ids and metadata values as text that a database compares right: of safe letters, so that nothing needs quoting.

Milvus and Qdrant compare JSON numbers as float64, and text by its bytes if at all. Here a value becomes a letter for
its kind and hexadecimal digits, in the order of the values: the digits of UTF-8 are in the order of code points, and a
number is the bits of the nearest float64, then how far it is from that.
"""

import math
import struct
from typing import Any

__all__ = ["field_key", "id_key", "id_of", "int_bounds", "number_parts", "value_key"]

LEAST, MOST = -(2**63), 2**63 - 1
MOST_REST = 2047  # between an int of 64 bits and its nearest float64 lie at most 1024


def id_key(value: int | str) -> str:
    """Return an id's key: 1 and "1" have two."""
    return f"i{value - LEAST:016x}" if isinstance(value, int) else f"s{value.encode().hex()}"


def id_of(key: str) -> int | str:
    """Return the id of a key."""
    return int(key[1:], 16) + LEAST if key[0] == "i" else bytes.fromhex(key[1:]).decode()


def field_key(name: str) -> str:
    """Return the key of a metadata field's name."""
    return f"f{name.encode().hex()}"


def value_key(value: Any) -> str:
    """Return the key of a metadata value; lists and dicts, which no filter compares, share one."""
    if value is None:
        return "z"
    if isinstance(value, bool):
        return f"b{int(value)}"
    if isinstance(value, int | float):
        return f"n{_number_key(value)}"
    return f"s{value.encode().hex()}" if isinstance(value, str) else "o"


def int_bounds(operation: str, bound: float) -> tuple[int, int]:
    """Return the least and the largest int of 64 bits on the right side of a bound; none where they are crossed."""
    if math.isinf(bound):
        inside = (bound > 0) == (operation in ("lt", "lte"))
        return (LEAST, MOST) if inside else (0, -1)
    if operation in ("gt", "gte"):
        least = math.floor(bound) + 1 if operation == "gt" else math.ceil(bound)
        return (max(least, LEAST), MOST) if least <= MOST else (0, -1)
    most = math.ceil(bound) - 1 if operation == "lt" else math.floor(bound)
    return (LEAST, min(most, MOST)) if most >= LEAST else (0, -1)


def number_parts(number: int | float) -> tuple[float, int]:
    """Return the nearest float64, infinite beyond them all, and how far the number is above it: compared in turn."""
    try:
        near = float(number) + 0.0  # -0.0 is 0.0
    except OverflowError:
        near = math.copysign(math.inf, number)
    rest = 0 if math.isinf(near) or isinstance(number, float) else number - int(near)
    return near, max(-MOST_REST, min(rest, MOST_REST))  # farther away than that no number that is kept can be


def _number_key(number: int | float) -> str:
    near, rest = number_parts(number)
    bits = struct.unpack(">Q", struct.pack(">d", near))[0]
    bits ^= 2**64 - 1 if bits >> 63 else 2**63
    return f"{bits:016x}{rest + 2048:03x}"
