"""What Qdrant compares in the place of ids, labels and values: Python's equality, said in ints and text."""

import hashlib
import json
import uuid
from typing import Any

from keras_similarity.core.label_json import label_to_json
from keras_similarity.index.remote.keys import id_key, value_key

__all__ = ["EXACT", "label_key", "mark", "point_id"]

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "keras-similarity/id")
EXACT = 2.0**53  # below it, two numbers have two nearest float64s
MOST_TEXT = 128  # characters of a key, beyond which it is hashed


def point_id(value: Any) -> int | str | None:
    """Return the key of an item's point, None for what can be no id: Qdrant has ints from 0 on and UUIDs."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return None
    return value if isinstance(value, int) and value >= 0 else str(uuid.uuid5(NAMESPACE, id_key(value)))


def label_key(label: Any) -> str | None:
    """Return text that is the same for labels that Python holds equal, None for none and for what can be no label.

    True is 1 here; a label that is true or false has a place in a range therefore.
    """
    try:
        return None if label is None else json.dumps(label_to_json(_plain(label)))
    except TypeError:
        return None


def _plain(label: Any) -> Any:
    if isinstance(label, tuple):
        return tuple(_plain(part) for part in label)
    whole = isinstance(label, bool) or (isinstance(label, float) and label.is_integer())
    return int(label) if whole else label


def mark(field: str, value: Any) -> str:
    """Return text that says which value a field of the metadata has."""
    text = f"{json.dumps(field)}={value_key(value)}"
    return text if len(text) <= MOST_TEXT else hashlib.blake2b(text.encode(), digest_size=32).hexdigest()
