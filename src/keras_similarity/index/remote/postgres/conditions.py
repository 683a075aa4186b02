"""A filter as SQL: the words are ours, every value is bound, and what it keeps is what the filter means in memory.

`IS NOT TRUE` is the complement here, since a comparison with a missing field is neither true nor false to SQL.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from keras_similarity.core.where import RANGES, Comparison
from keras_similarity.index.remote.translating import CodeTranslator, members

__all__ = ["ALL", "Condition", "SqlTranslator"]

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


class SqlTranslator(CodeTranslator[Condition]):
    """Turns filters into SQL."""

    everything, nothing = ALL, NONE

    def complement(self, condition: Condition) -> Condition:
        """Return what holds for all other rows."""
        return ~condition

    def joined(self, parts: list[Condition], *, all_of: bool) -> Condition:
        """Return what holds where all of the parts do, or one of them."""
        return _joined(" AND " if all_of else " OR ", parts)

    def of_codes(self, codes: list[int], *, without: bool) -> Condition:
        """Return a comparison of the label's code."""
        coded = Condition("label = ANY(%s::int4[])", (codes,))
        return _joined(" OR ", [coded, Condition("label IS NULL")]) if without else coded

    def of_id(self, comparison: Comparison) -> Condition:
        """Return a comparison of the two columns of ids."""
        if comparison.operation == "exists":
            return ALL if comparison.operand else NONE
        if comparison.operation in RANGES:
            sign, bound = SIGNS[comparison.operation], comparison.operand
            if isinstance(bound, str):
                return Condition(f"id_text {sign} %s", (bound,))
            return Condition(f"id_int::numeric {sign} %s::numeric", (str(bound).replace("inf", "Infinity"),))
        wanted = [member for member in members(comparison) if not isinstance(member, bool)]
        ints = [member for member in wanted if isinstance(member, int) and -(2**63) <= member < 2**63]
        texts = [member for member in wanted if isinstance(member, str)]
        parts = [Condition("id_int = ANY(%s::int8[])", (ints,))] if ints else []
        parts += [Condition("id_text = ANY(%s::text[])", (texts,))] if texts else []
        return _joined(" OR ", parts) if parts else NONE

    def of_metadata(self, comparison: Comparison) -> Condition:
        """Return a comparison of a field of the metadata."""
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
        wanted = members(comparison)
        if len(wanted) > FEW:
            return Condition("(metadata -> %s) = ANY(%s::jsonb[])", (field, list(map(_json, wanted))))
        held = [Condition("metadata @> %s::jsonb", (f"{{{_json(field)}:{_json(value)}}}",)) for value in wanted]
        return _joined(" OR ", held) if held else NONE


def _joined(word: str, parts: list[Condition]) -> Condition:
    values = tuple(value for part in parts for value in part.values)
    return Condition(word.join(f"({part.sql})" for part in parts), values)


def _json(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return BEYOND if value > 0 else f"-{BEYOND}"
    return json.dumps(value, ensure_ascii=False)
