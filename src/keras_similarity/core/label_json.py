"""Labels as JSON and back: its values stand for themselves; tuples and bytes, which it lacks, are tagged."""

import base64
from typing import Any

__all__ = ["check_label_types", "label_from_json", "label_to_json"]

MOST_CHARACTERS = 1024  # of a label's text: a label is a class, not a document


def check_label_types(labels: list[Any]) -> None:
    """Raise for a label that could not be saved: better now than after a day of training.

    Raises:
        TypeError: a label of a type that has no form in JSON.
        ValueError: a label of more than 1024 characters, or text that is no valid Unicode.
    """
    for label in set(labels):
        try:
            label_to_json(label)
        except TypeError as error:
            raise TypeError(
                f"`labels` needs values that can be saved: row {labels.index(label)} is {label!r:.60}, "
                f"a {type(label).__name__}.\n  Pass its name or another string."
            ) from error
        reason = _reason_against(label)
        if reason:
            raise ValueError(
                f"`labels` needs labels {reason}: row {labels.index(label)} is {label!r:.60}.\n"
                "  Pass a short name, and keep the text in `data`."
            )


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


def _reason_against(label: Any) -> str | None:
    if not isinstance(label, str | bytes | tuple):
        return None
    text = label if isinstance(label, str) else repr(label)
    if len(text) > MOST_CHARACTERS:
        return f"of at most {MOST_CHARACTERS} characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "of valid Unicode"
    return None
