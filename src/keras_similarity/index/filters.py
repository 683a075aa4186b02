"""Filters over the rows of an index: a `where` in, a mask of positions out.

A metadata field becomes a column the first time a filter asks for it: its distinct values once, and a small number per
row. A condition is then tested on the distinct values, and the rows look the answer up.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import INT64, Ids
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.core.where import (
    ABSENT,
    RANGES,
    RESERVED,
    And,
    Comparison,
    Not,
    Or,
    Where,
    comparisons,
    parse_where,
)
from keras_similarity.index.rows import Positions, Rows
from keras_similarity.index.selection import Selection

__all__ = ["Filters"]

Mask = NDArray[np.bool_]
KEPT = 8  # selections of the last filters, for a search that is repeated
EXACT_INT = 2**53  # float64 tells ints apart up to here


class Filters:
    """Resolves filters for one index, and keeps the columns and the last selections.

    Args:
        vocabulary: The labels by code.
        positions_of: Ids -> the positions of their live rows, -1 for none.
    """

    def __init__(self, vocabulary: LabelVocabulary, positions_of: Callable[[Ids], Positions]) -> None:
        self._vocabulary = vocabulary
        self._positions_of = positions_of
        self._cache = Cache(0)

    def selection(self, rows: Rows, where: Any) -> Selection:
        """Return which positions are live and satisfy a filter.

        Raises:
            ValueError, TypeError: no valid filter, or a field that no item has.
        """
        tree = parse_where(where)
        cache = self._cache  # one object to the end: another thread may go on to another layout meanwhile
        if rows.layout != cache.layout:  # positions changed: nothing that was kept is right
            cache = self._cache = Cache(rows.layout)
        key = (rows.generation, repr(tree))
        found = cache.selections.get(key)
        if found is None:
            if rows.live_count:
                _check_fields(cache, rows, tree)
            mask = self._tested(cache, rows, tree)
            found = Selection(mask if rows.live is None else mask & rows.live)
            cache.selections = {**dict(list(cache.selections.items())[1 - KEPT :]), key: found}
        return found

    def _tested(self, cache: "Cache", rows: Rows, tree: Where) -> Mask:
        if isinstance(tree, Comparison):
            if tree.field == "label":
                return self._label_mask(rows, tree)
            return self._id_mask(rows, tree) if tree.field == "id" else cache.field(rows, tree.field).mask(tree)
        if isinstance(tree, Not):
            return ~self._tested(cache, rows, tree.part)
        result = np.full(len(rows), isinstance(tree, And))
        for part in tree.parts:
            tested = self._tested(cache, rows, part)
            result = (result | tested) if isinstance(tree, Or) else result & tested
        return result

    def _label_mask(self, rows: Rows, comparison: Comparison) -> Mask:
        """Labels are equal as Python holds them equal, as everywhere in an index; a row without one has label null."""
        labels = self._vocabulary.labels
        if comparison.operation in ("eq", "in", "ne", "nin"):
            members = comparison.operand if comparison.operation in ("in", "nin") else (comparison.operand,)
            wanted = set(members)
            table = [label in wanted for label in labels] + [None in wanted]
            if comparison.operation in ("ne", "nin"):
                table = [not held for held in table]
        else:
            absent = ABSENT if comparison.operation == "exists" else None
            table = [comparison.holds(label) for label in labels] + [comparison.holds(absent)]
        return np.array(table, bool)[rows.codes[:]]  # no label is code -1: the last entry

    def _id_mask(self, rows: Rows, comparison: Comparison) -> Mask:
        if comparison.operation in ("eq", "in", "ne", "nin"):
            members = comparison.operand if comparison.operation in ("in", "nin") else (comparison.operand,)
            mask = np.zeros(len(rows), bool)
            positions = self._positions_of(_as_lookup(members))
            mask[positions[(positions >= 0) & (positions < len(rows))]] = True
            return ~mask if comparison.operation in ("ne", "nin") else mask
        ids = rows.ids[:]
        if comparison.operation in RANGES and ids.dtype != object and not isinstance(comparison.operand, str):
            return RANGES[comparison.operation](ids, comparison.operand)
        return np.fromiter(map(comparison.holds, ids.tolist()), bool, len(ids))


class Cache:
    """What was found out about rows while they stay at their positions.

    Args:
        layout: Of these rows.
    """

    def __init__(self, layout: int) -> None:
        self.layout = layout
        self.fields: dict[str, Field] = {}
        self.selections: dict[tuple[int, str], Selection] = {}

    def field(self, rows: Rows, name: str) -> "Field":
        """Return a metadata field of the rows of a moment of this layout."""
        field = self.fields.get(name)
        if field is None or field.count < len(rows):
            known = Field.empty() if field is None else field
            field = self.fields[name] = known.with_more(
                ABSENT if values is None else values.get(name, ABSENT)
                for values in rows.records.metadata(known.count, len(rows))
            )
        return field.first(len(rows))


class Field:
    """The values of one metadata field, `codes` telling which of the distinct ones each row has."""

    def __init__(self, codes: NDArray[np.int32], values: list[Any], numbers: NDArray[np.float64] | None) -> None:
        self.codes = codes
        self.values = values
        self.numbers = numbers
        self.count = len(codes)

    @classmethod
    def empty(cls) -> "Field":
        """Return the field of no rows."""
        return cls(np.empty(0, np.int32), [], np.empty(0))

    @property
    def is_known(self) -> bool:
        """Whether a row has it."""
        return any(value is not ABSENT for value in self.values)

    def with_more(self, values: Iterable[Any]) -> "Field":
        """Return the field with the values of more rows."""
        known: dict[Any, int] = {_key(value): code for code, value in enumerate(self.values)}
        distinct, codes = list(self.values), []
        for value in values:
            key = value if type(value) is str else _key(value)
            code = known.setdefault(key, len(distinct))
            if code == len(distinct):
                distinct.append(value)
            codes.append(code)
        return Field(np.concatenate([self.codes, np.array(codes, np.int32)]), distinct, _as_numbers(distinct))

    def first(self, count: int) -> "Field":
        """Return the field of the first rows."""
        return self if count == self.count else Field(self.codes[:count], self.values, self.numbers)

    def mask(self, comparison: Comparison) -> Mask:
        """Return which rows satisfy a comparison."""
        if self.numbers is not None and comparison.operation in RANGES and not isinstance(comparison.operand, str):
            with np.errstate(invalid="ignore"):
                return RANGES[comparison.operation](self.numbers, comparison.operand)[self.codes]
        return np.fromiter(map(comparison.holds, self.values), bool, len(self.values))[self.codes]


def _check_fields(cache: Cache, rows: Rows, tree: Where) -> None:
    for comparison in comparisons(tree):
        field = comparison.field
        if field in RESERVED or cache.field(rows, field).is_known:
            continue
        known = sorted({name for values in rows.records.metadata(0, len(rows)) for name in values or ()})
        close = get_close_matches(field, known, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        names = ", ".join(map(repr, [*RESERVED, *known[:20]]))
        raise ValueError(f"`where` names the field {field!r}, which no item has.\n  {hint}Known are {names}.")


def _key(value: Any) -> Any:
    """Return what tells JSON values apart: true is not 1, and lists are not hashable."""
    if type(value) in (str, int, float):
        return value
    return (type(value).__name__, repr(value))


def _as_numbers(values: list[Any]) -> NDArray[np.float64] | None:
    """Return values as float64, NaN for what is no number; None where float64 would round one."""
    numbers = [value if type(value) in (int, float) else float("nan") for value in values]
    if any(type(value) is int and abs(value) > EXACT_INT for value in numbers):
        return None
    return np.array(numbers, np.float64)


def _as_lookup(members: Iterable[Any]) -> Ids:
    """Return those of the operands that can be ids."""
    wanted = list({member for member in members if _can_be_id(member)})
    ids = np.empty(len(wanted), object)
    ids[:] = wanted
    return ids


def _can_be_id(member: Any) -> bool:
    if isinstance(member, str):
        return True
    return isinstance(member, int) and not isinstance(member, bool) and INT64.min <= member <= INT64.max
