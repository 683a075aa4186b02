"""A filter in the words of a database: the walk down its tree, what labels mean, which fields it names."""

from abc import ABC, abstractmethod
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.core.where import ABSENT, RESERVED, And, Comparison, Not, Where, comparisons

__all__ = ["CodeTranslator", "Translator", "check_text", "members", "metadata_fields", "needs_labels", "unknown_field"]

SHOWN = 20  # fields of a message
C = TypeVar("C")


class Translator(ABC, Generic[C]):
    """Turns filters into the conditions of one database; what it keeps is what the filter means in memory."""

    everything: C
    nothing: C

    def condition(self, tree: Where) -> C:
        """Return a parsed filter as a condition."""
        if isinstance(tree, Not):
            return self.complement(self.condition(tree.part))
        if isinstance(tree, Comparison):
            if tree.operation in ("ne", "nin"):
                opposite = {"ne": "eq", "nin": "in"}[tree.operation]
                return self.complement(self.condition(Comparison(tree.field, opposite, tree.operand)))
            if tree.field == "label":
                return self.of_label(tree)
            return self.of_id(tree) if tree.field == "id" else self.of_metadata(tree)
        parts = [self.condition(part) for part in tree.parts]
        if not parts:
            return self.everything if isinstance(tree, And) else self.nothing
        return self.joined(parts, all_of=isinstance(tree, And))

    @abstractmethod
    def complement(self, condition: C) -> C:
        """Return what holds for all other items, those that lack a field among them."""

    @abstractmethod
    def joined(self, parts: list[C], *, all_of: bool) -> C:
        """Return what holds where all of the parts do, or one of them."""

    @abstractmethod
    def of_label(self, comparison: Comparison) -> C:
        """Return a comparison of the label, by any operation but "ne" and "nin"."""

    @abstractmethod
    def of_id(self, comparison: Comparison) -> C:
        """Return a comparison of the id, by any operation but "ne" and "nin"."""

    @abstractmethod
    def of_metadata(self, comparison: Comparison) -> C:
        """Return a comparison of a field of the metadata, by any operation but "ne" and "nin"."""


class CodeTranslator(Translator[C]):
    """Where rows hold the codes of their labels.

    Args:
        vocabulary: Every label of the index.
    """

    def __init__(self, vocabulary: LabelVocabulary) -> None:
        self._vocabulary = vocabulary

    def of_label(self, comparison: Comparison) -> C:
        """Labels are compared here, in Python, whose equality is theirs; the database is asked for their codes."""
        if comparison.operation in ("eq", "in"):
            wanted = members(comparison)
            codes = sorted({int(code) for code in self._vocabulary.find(list(wanted)) if code >= 0})
            without = None in wanted
        else:
            codes = [code for code, label in enumerate(self._vocabulary.labels) if comparison.holds(label)]
            without = comparison.holds(ABSENT if comparison.operation == "exists" else None)
        return self.of_codes(codes, without=without)

    @abstractmethod
    def of_codes(self, codes: list[int], *, without: bool) -> C:
        """Return what holds for items whose label has one of these codes, and for those without a label if asked."""


def members(comparison: Comparison) -> tuple[Any, ...]:
    """Return the values that "eq" or "in" compares with."""
    return comparison.operand if comparison.operation == "in" else (comparison.operand,)


def metadata_fields(tree: Where) -> list[str]:
    """Return the fields of the metadata that a filter names."""
    return list(dict.fromkeys(part.field for part in comparisons(tree) if part.field not in RESERVED))


def needs_labels(tree: Where) -> bool:
    """Whether a filter looks at labels."""
    return any(part.field == "label" for part in comparisons(tree))


def check_text(tree: Where) -> None:
    """Raise a ValueError for text that a database cannot hold: a NUL, or no valid Unicode."""
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


def unknown_field(field: str, known: list[str]) -> ValueError:
    """Return the error for a field of the metadata that no item has."""
    close = get_close_matches(field, known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    names = ", ".join(map(repr, [*RESERVED, *known[:SHOWN]]))
    return ValueError(f"`where` names the field {field!r}, which no item has.\n  {hint}Known are {names}.")
