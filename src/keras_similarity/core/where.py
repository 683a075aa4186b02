"""The filter language: JSON in, a small tree out, the same in Python, over HTTP, on the command line and in databases.

    {"label": "cat", "price": {"gte": 1, "lt": 5}, "size": {"in": ["s", "m"]}}      fields joined by "and"
    {"and": [...]}   {"or": [...]}   {"not": {...}}

`label` and `id` are reserved names; every other field is one of the item's metadata. `ne`, `nin` and `not` are exact
complements: they hold for items that lack the field. Values of another kind than the operand compare as unequal and
are outside every range: numbers with numbers, strings with strings, true and false with themselves alone.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

__all__ = ["ABSENT", "OPERATIONS", "RESERVED", "And", "Comparison", "Not", "Or", "Where", "comparisons", "parse_where"]

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "absent"})()  # the value of a field that an item lacks
RESERVED = ("label", "id")
MOST_DEEP = 32  # levels of and, or, not
RANGES: dict[str, Callable[[Any, Any], Any]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}
OPERATIONS = ("eq", "ne", "in", "nin", *RANGES, "exists")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field against one operand: `price gte 1`.

    Args:
        field: Name of a metadata field, "label" or "id".
        operation: One of `OPERATIONS`.
        operand: What to compare with; for "in" and "nin" a tuple.
    """

    field: str
    operation: str
    operand: Any

    def holds(self, value: Any) -> bool:
        """Whether an item with this value, or `ABSENT`, satisfies the comparison."""
        if self.operation == "exists":
            return (value is not ABSENT) == self.operand
        if self.operation in RANGES:
            return _kind(value) is _kind(self.operand) and RANGES[self.operation](value, self.operand)
        members = self.operand if self.operation in ("in", "nin") else (self.operand,)
        return any(_same(value, member) for member in members) == (self.operation in ("eq", "in"))


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts hold; true of no parts."""

    parts: tuple["Where", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the parts holds; false of no parts."""

    parts: tuple["Where", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Where"


Where = Comparison | And | Or | Not


def parse_where(where: Any) -> Where:
    """Check a filter and return it as a tree.

    Args:
        where: A dict as the module describes it.

    Raises:
        ValueError: an unknown operation, an operand of a kind it cannot use, or more than 32 levels.
        TypeError: not a dict, or a field that is no string.

    Example:
        >>> parse_where({"price": {"gte": 1}, "not": {"label": "cat"}}).parts[0]
        Comparison(field='price', operation='gte', operand=1)
    """
    return _parsed(where, depth=0)


def comparisons(where: Where) -> Iterator[Comparison]:
    """Return every comparison of a tree."""
    if isinstance(where, Comparison):
        yield where
    elif isinstance(where, Not):
        yield from comparisons(where.part)
    else:
        for part in where.parts:
            yield from comparisons(part)


def _parsed(where: Any, depth: int) -> Where:
    if depth > MOST_DEEP:
        raise ValueError(f"`where` may have {MOST_DEEP} levels of and, or, not: got more.\n  Join conditions in lists.")
    if not isinstance(where, Mapping):
        raise TypeError(
            f"`where` needs a dict of conditions: got {_shown(where)}, a {type(where).__name__}.\n"
            '  For example {"label": "cat", "price": {"lt": 5}}.'
        )
    parts: list[Where] = []
    for key, condition in where.items():
        if key in ("and", "or"):
            parts.append(
                (And if key == "and" else Or)(tuple(_parsed(part, depth + 1) for part in _listed(key, condition)))
            )
        elif key == "not":
            parts.append(Not(_parsed(condition, depth + 1)))
        elif isinstance(key, str):
            parts.extend(_conditions(key, condition))
        else:
            raise TypeError(f"`where` needs strings for fields: got {_shown(key)}.\n  Pass {str(key)!r}.")
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _listed(key: str, condition: Any) -> Iterable[Any]:
    if not isinstance(condition, list | tuple):
        raise ValueError(
            f'`where` needs a list of conditions for "{key}": got {_shown(condition)}.\n'
            f'  Pass {{"{key}": [{{…}}, {{…}}]}}.'
        )
    return condition


def _conditions(field: str, condition: Any) -> Iterator[Comparison]:
    if not isinstance(condition, Mapping):
        yield Comparison(field, "eq", _operand(field, "eq", condition))
        return
    if not condition:
        raise ValueError(
            f"`where` needs an operation for {field!r}: got an empty object.\n  Known are {', '.join(OPERATIONS)}."
        )
    for operation, operand in condition.items():
        if operation not in OPERATIONS:
            close = get_close_matches(str(operation), OPERATIONS, n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise ValueError(
                f"`where` knows the operations {', '.join(OPERATIONS)}: got {_shown(operation)} for {field!r}.\n"
                f"  {hint}Pass one of these."
            )
        yield Comparison(field, operation, _operand(field, operation, operand))


def _operand(field: str, operation: str, operand: Any) -> Any:
    """Return the operand as plain Python values, or raise."""
    operand = operand.tolist() if isinstance(operand, np.generic | np.ndarray) else operand
    if operation in ("in", "nin"):
        if not isinstance(operand, list | tuple | set | frozenset | range):
            raise ValueError(
                f"`where` needs a list for {operation!r} of {field!r}: got {_shown(operand)}.\n"
                "  For a single value, use 'eq'."
            )
        return tuple(_value(field, operation, member) for member in operand)
    if operation == "exists" and not isinstance(operand, bool):
        raise ValueError(f"`where` needs true or false for 'exists' of {field!r}: got {_shown(operand)}.\n  Pass True.")
    if operation in RANGES and _kind(operand) is None:
        raise ValueError(
            f"`where` needs a number or a string for {operation!r} of {field!r}: got {_shown(operand)}.\n"
            "  Only these have an order."
        )
    return _value(field, operation, operand)


def _value(field: str, operation: str, value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    usable = isinstance(value, Hashable) if field == "label" else isinstance(value, str | int | float | None)
    if not usable or value != value:
        raise ValueError(
            f"`where` needs a string, a number, true, false or null for {operation!r} of {field!r}: "
            f"got {_shown(value)}.\n  Lists go with 'in', and ranges with gt, gte, lt, lte."
        )
    return value


def _kind(value: Any) -> type | None:
    """Return the family of ordered values that this one belongs to."""
    if isinstance(value, str):
        return str
    if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
        return float
    return None


def _same(value: Any, other: Any) -> bool:
    return value is not ABSENT and isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
