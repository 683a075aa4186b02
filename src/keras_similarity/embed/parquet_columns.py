"""Ids and labels as columns that others can read: whole numbers or text where all of a file are, else JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from keras_similarity.core.label_json import label_from_json, label_to_json

__all__ = ["AS_JSON", "Encodings", "column_of", "encodings_of", "encodings_said", "from_json", "type_of", "values_of"]

Encoding = Literal["number", "text", "json"]
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # of Parquet's whole numbers


@dataclass(frozen=True, slots=True)
class Encodings:
    """How the ids and labels of a file are written."""

    ids: Encoding
    labels: Encoding

    def hold(self, ids: Sequence[Any] | None, labels: Sequence[Any] | None) -> bool:
        """Whether some more rows can be written so."""
        pairs = ((self.ids, ids), (self.labels, labels))
        return all(encoding == "json" or _encoding(values) in (encoding, None) for encoding, values in pairs)

    def note(self) -> str:
        """Return what the file says of itself."""
        return json.dumps({"ids": self.ids, "labels": self.labels})


AS_JSON = Encodings("json", "json")


def encodings_of(ids: Sequence[Any] | None, labels: Sequence[Any] | None) -> Encodings:
    """Return the plainest encodings of some rows."""
    return Encodings(_encoding(ids) or "text", _encoding(labels) or "text")


def encodings_said(note: bytes | None) -> Encodings | None:
    """Return the encodings of a file by what it says of itself, None where it is not ours.

    Raises:
        ValueError: it says what no release up to this one writes.
    """
    if note is None:
        return None
    said = json.loads(note)
    found = Encodings(said.get("ids"), said.get("labels"))
    if not {found.ids, found.labels} <= {"number", "text", "json"}:
        raise ValueError(
            f"the file says that its ids and labels are {found.ids} and {found.labels}: this release knows number, "
            "text and json.\n  Upgrade with: pip install -U keras-similarity"
        )
    return found


def column_of(arrow: Any, values: Iterable[Any], encoding: Encoding) -> Any:
    """Return ids or labels as a column of Arrow's."""
    if encoding == "json":
        return arrow.array([json.dumps(label_to_json(value)) for value in values], arrow.string())
    return arrow.array(list(values), type_of(arrow, encoding))


def type_of(arrow: Any, encoding: Encoding) -> Any:
    """Return the type of a column of Arrow's."""
    return arrow.int64() if encoding == "number" else arrow.string()


def values_of(column: list[Any], encoding: Encoding, name: str) -> list[Any]:
    """Return the ids or labels of a column.

    Raises:
        ValueError: it should be JSON and is not.
    """
    if encoding != "json":
        return column
    return list(map(label_from_json, from_json(column, name)))


def from_json(column: list[Any], name: str) -> list[Any]:
    """Return the values of a column of JSON; None stays None."""
    try:
        return [None if value is None else json.loads(value) for value in column]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the column {name!r} needs JSON, as the file says that this package wrote it: {error}.\n"
            "  Export it again, or leave out the file's metadata 'keras_similarity'."
        ) from error


def _encoding(values: Sequence[Any] | None) -> Encoding | None:
    """Return the plainest encoding of values, None where there are none."""
    there = [value for value in values or () if value is not None]
    kinds = {type(value) for value in there}
    if not kinds:
        return None
    if kinds == {int} and min(there) >= SMALLEST and max(there) <= LARGEST:
        return "number"
    return "text" if kinds == {str} and _is_unicode("".join(there)) else "json"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write
        return False
    return True
