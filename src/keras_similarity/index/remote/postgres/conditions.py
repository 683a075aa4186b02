"""A filter as SQL: the words are ours, every value is bound, and what it keeps is what the filter means in memory.

`IS NOT TRUE` is the complement here, since a comparison with a missing field is neither true nor false to SQL.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.core.where import ABSENT, RANGES, RESERVED, And, Comparison, Not, Where, comparisons

__all__ = ["ALL", "Condition", "as_condition", "check_text", "metadata_fields", "needs_labels"]

SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
FEW = 16  # members of "in" that the index of the metadata is asked for one by one
BEYOND = "1e400"  # JSON has no infinity; no float64 is as far


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that is true for the rows to be found, and the values bound in it, in their order."""

    sql: str
    values: tuple[Any, ...] = ()

    def __invert__(self) -> "Condition":
        return Condition(f"({self.sql}) IS NOT TRUE", self.values)


ALL, NONE = Condition("TRUE"), Condition("FALSE")


def as_condition(tree: Where, vocabulary: LabelVocabulary) -> Condition:
    """Return a filter as SQL.

    Args:
        tree: A parsed filter.
        vocabulary: Every label of the index.
    """
    if isinstance(tree, Not):
        return ~as_condition(tree.part, vocabulary)
    if isinstance(tree, Comparison):
        if tree.operation in ("ne", "nin"):
            opposite = {"ne": "eq", "nin": "in"}[tree.operation]
            return ~as_condition(Comparison(tree.field, opposite, tree.operand), vocabulary)
        if tree.field == "label":
            return _of_label(tree, vocabulary)
        return _of_id(tree) if tree.field == "id" else _of_metadata(tree)
    parts = [as_condition(part, vocabulary) for part in tree.parts]
    if not parts:
        return ALL if isinstance(tree, And) else NONE
    return _joined(" AND " if isinstance(tree, And) else " OR ", parts)


def metadata_fields(tree: Where) -> list[str]:
    """Return the fields of the metadata that a filter names."""
    return list(dict.fromkeys(part.field for part in comparisons(tree) if part.field not in RESERVED))


def needs_labels(tree: Where) -> bool:
    """Whether a filter looks at labels."""
    return any(part.field == "label" for part in comparisons(tree))


def check_text(tree: Where) -> None:
    """Raise a ValueError for text that PostgreSQL cannot hold: a NUL, or no valid Unicode."""
    for part in comparisons(tree):
        operands = part.operand if isinstance(part.operand, tuple) else (part.operand,)
        for text in (part.field, *(value for value in operands if isinstance(value, str))):
            if not _is_storable(text):
                raise ValueError(
                    f"`where` needs text that a database can hold, valid Unicode without NUL: got {text!r:.60}.\n"
                    "  No item has it."
                )


def _is_storable(text: str) -> bool:
    return "\0" not in text and text.encode(errors="replace").decode() == text


def _joined(word: str, parts: list[Condition]) -> Condition:
    values = tuple(value for part in parts for value in part.values)
    return Condition(word.join(f"({part.sql})" for part in parts), values)


def _members(comparison: Comparison) -> tuple[Any, ...]:
    return comparison.operand if comparison.operation == "in" else (comparison.operand,)


def _of_label(comparison: Comparison, vocabulary: LabelVocabulary) -> Condition:
    """Labels are compared here, in Python, whose equality is theirs; the database is asked for their codes."""
    if comparison.operation in ("eq", "in"):
        members = _members(comparison)
        codes = sorted({int(code) for code in vocabulary.find(list(members)) if code >= 0})
        without = None in members
    else:
        codes = [code for code, label in enumerate(vocabulary.labels) if comparison.holds(label)]
        without = comparison.holds(ABSENT if comparison.operation == "exists" else None)
    coded = Condition("label = ANY(%s::int4[])", (codes,))
    return _joined(" OR ", [coded, Condition("label IS NULL")]) if without else coded


def _of_id(comparison: Comparison) -> Condition:
    if comparison.operation == "exists":
        return ALL if comparison.operand else NONE
    if comparison.operation in RANGES:
        sign, bound = SIGNS[comparison.operation], comparison.operand
        if isinstance(bound, str):
            return Condition(f"id_text {sign} %s", (bound,))
        return Condition(f"id_int::numeric {sign} %s::numeric", (str(bound).replace("inf", "Infinity"),))
    members = [member for member in _members(comparison) if not isinstance(member, bool)]
    ints = [member for member in members if isinstance(member, int) and -(2**63) <= member < 2**63]
    texts = [member for member in members if isinstance(member, str)]
    parts = [Condition("id_int = ANY(%s::int8[])", (ints,))] if ints else []
    parts += [Condition("id_text = ANY(%s::text[])", (texts,))] if texts else []
    return _joined(" OR ", parts) if parts else NONE


def _of_metadata(comparison: Comparison) -> Condition:
    field, operand = comparison.field, comparison.operand
    if comparison.operation == "exists":
        there = Condition("metadata ? %s", (field,))
        return there if operand else ~there
    if comparison.operation in RANGES:
        sign = SIGNS[comparison.operation]
        if isinstance(operand, str):
            return Condition(
                f"jsonb_typeof(metadata -> %s) = 'string' AND (metadata ->> %s) COLLATE \"C\" {sign} %s",
                (field, field, operand),
            )
        return Condition(
            f"jsonb_typeof(metadata -> %s) = 'number' AND (metadata -> %s) {sign} %s::jsonb",
            (field, field, _json(operand)),
        )
    members = _members(comparison)
    if len(members) > FEW:
        return Condition("(metadata -> %s) = ANY(%s::jsonb[])", (field, list(map(_json, members))))
    held = [Condition("metadata @> %s::jsonb", (f"{{{_json(field)}:{_json(value)}}}",)) for value in members]
    return _joined(" OR ", held) if held else NONE


def _json(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return BEYOND if value > 0 else f"-{BEYOND}"
    return json.dumps(value, ensure_ascii=False)
