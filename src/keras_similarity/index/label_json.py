"""Labels as JSON: values stand for themselves; tuples and bytes, which JSON lacks, are tagged."""

import base64
from typing import Any

__all__ = ["check_label_types", "label_from_json", "label_to_json"]

MOST_BYTES = 1024  # of a label's text: a label is a class, not a document


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
    """Return a label's form in JSON.

    Raises:
        TypeError: it has none.
    """
    if label is None or type(label) in (bool, int, float, str):
        return label
    if type(label) is tuple:
        return {"tuple": [label_to_json(part) for part in label]}
    if type(label) is bytes:
        return {"bytes": base64.b64encode(label).decode()}
    raise TypeError(f"a label of type {type(label).__name__} has no form in JSON")


def label_from_json(label: Any) -> Any:
    """Return the label of a form in JSON."""
    if not isinstance(label, dict):
        return label
    if "tuple" in label:
        return tuple(label_from_json(part) for part in label["tuple"])
    return base64.b64decode(label["bytes"])


def _reason_against(label: Any) -> str | None:
    if not isinstance(label, str | bytes | tuple):
        return None
    text = label if isinstance(label, str) else repr(label)
    if len(text) > MOST_BYTES:
        return f"of at most {MOST_BYTES} characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "of valid Unicode"
    return None
