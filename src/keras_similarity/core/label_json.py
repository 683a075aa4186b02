"""Labels as JSON and back: its values stand for themselves; tuples and bytes, which it lacks, are tagged."""

import base64
from typing import Any

__all__ = ["label_from_json", "label_to_json"]


def label_to_json(label: Any) -> Any:
    """Return a label as a JSON value.

    Raises:
        TypeError: a label that is none of None, bool, int, float, str, bytes, or a tuple of these.
    """
    if label is None or type(label) in (bool, int, float, str):
        return label
    if type(label) is tuple:
        return {"tuple": [label_to_json(part) for part in label]}
    if type(label) is bytes:
        return {"bytes": base64.b64encode(label).decode()}
    raise TypeError(f"a label of type {type(label).__name__} has no form in JSON")


def label_from_json(value: Any) -> Any:
    """Return the label that `label_to_json` made this of."""
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(label_from_json(part) for part in value["tuple"])
    return base64.b64decode(value["bytes"])
