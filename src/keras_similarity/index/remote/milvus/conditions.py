"""A filter as an expression of Milvus: its words are ours, and what it compares with are keys of safe letters."""

from collections.abc import Iterable

from keras_similarity.core.where import RANGES, Comparison
from keras_similarity.index.remote.keys import field_key, id_key, int_bounds, value_key
from keras_similarity.index.remote.translating import CodeTranslator, members

__all__ = ["EVERY", "MilvusTranslator", "all_of", "in_list"]

EVERY, NONE = "", "seq < 0"  # no place in the order of additions is below 0
SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# The keys of numbers lie between "n" and "o", those of texts between "s" and "t".
KINDS = {float: ("n", "o"), str: ("s", "t")}


class MilvusTranslator(CodeTranslator[str]):
    """Turns filters into expressions."""

    everything, nothing = EVERY, NONE

    def complement(self, condition: str) -> str:
        """Return what holds for all other rows; Milvus knows true and false alone."""
        return f"not ({condition})" if condition else NONE

    def joined(self, parts: list[str], *, all_of: bool) -> str:
        """Return what holds where all of the parts do, or one of them."""
        if EVERY in parts and not all_of:
            return EVERY
        return (" and " if all_of else " or ").join(f"({part})" for part in parts if part)

    def of_codes(self, codes: list[int], *, without: bool) -> str:
        """Return a comparison of the label's code."""
        wanted = [*codes, -1] if without else codes
        return f"label in {wanted}" if wanted else NONE

    def of_id(self, comparison: Comparison) -> str:
        """Return a comparison of the id's key."""
        operand = comparison.operand
        if comparison.operation == "exists":
            return EVERY if operand else NONE
        if comparison.operation in RANGES:
            if isinstance(operand, str):
                return _between("id", comparison.operation, id_key(operand), "s", "t")
            least, most = int_bounds(comparison.operation, operand)
            return f'id >= "{id_key(least)}" and id <= "{id_key(most)}"' if least <= most else NONE
        wanted = [
            value for value in members(comparison) if isinstance(value, int | str) and not isinstance(value, bool)
        ]
        keys = [id_key(value) for value in wanted if isinstance(value, str) or -(2**63) <= value < 2**63]
        return in_list("id", keys) if keys else NONE

    def of_metadata(self, comparison: Comparison) -> str:
        """Return a comparison of the key of a value."""
        place = f'fields["{field_key(comparison.field)}"]'
        if comparison.operation == "exists":
            there = f"exists {place}"
            return there if comparison.operand else self.complement(there)
        if comparison.operation in RANGES:
            kind = str if isinstance(comparison.operand, str) else float
            return _between(place, comparison.operation, value_key(comparison.operand), *KINDS[kind])
        wanted = [value_key(value) for value in members(comparison)]
        return in_list(place, wanted) if wanted else NONE


def in_list(place: str, keys: Iterable[str]) -> str:
    """Return what holds where a key is one of these."""
    quoted = ", ".join(f'"{key}"' for key in dict.fromkeys(keys))
    return f"{place} in [{quoted}]"


def all_of(*parts: str) -> str:
    """Return what holds where all of the parts do."""
    return " and ".join(f"({part})" for part in parts if part)


def _between(place: str, operation: str, key: str, lowest: str, beyond: str) -> str:
    """Return what holds for keys of one kind on the right side of a key."""
    own = f'{place} {SIGNS[operation]} "{key}"'
    other = f'{place} < "{beyond}"' if operation in ("gt", "gte") else f'{place} >= "{lowest}"'
    return f"{own} and {other}"
