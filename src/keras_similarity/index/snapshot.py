"""The state of an index as plain arrays and JSON, and back: what a file format keeps, whatever the format."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.index.stores.columns import Column
from keras_similarity.index.stores.memory import MemoryStore
from keras_similarity.index.vectors import Vectors

__all__ = ["check_label_types", "index_from_arrays", "index_to_arrays"]

Arrays = dict[str, NDArray[Any]]
COLUMNS = ("data", "metadata")


def index_to_arrays(vectors: Vectors, records: MemoryStore, settings: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of an index and its settings, labels and string ids in the settings' JSON."""
    arrays: Arrays = {"embeddings": vectors.rows, "removed": vectors.removed, "codes": records.codes}
    settings = settings | {
        "next_id": records.next_id,
        "labels": [_label_to_json(label) for label in records.vocabulary.labels],
    }
    if records.ids.dtype == object:
        settings["ids"] = records.ids.tolist()
    else:
        arrays["ids"] = records.ids
    for column in COLUMNS:
        arrays |= {f"{column}-{key}": value for key, value in getattr(records, column).to_arrays().items()}
    return arrays, settings


def index_from_arrays(arrays: dict[str, Any], settings: dict[str, Any]) -> tuple[Vectors, MemoryStore]:
    """Rebuild rows and records from what `index_to_arrays` returned."""
    vectors = Vectors.adopt(arrays["embeddings"], arrays["removed"])
    records = MemoryStore()
    records.codes = arrays["codes"]
    records.next_id = settings["next_id"]
    records.vocabulary = LabelVocabulary(_label_from_json(label) for label in settings["labels"])
    records.ids = arrays["ids"] if "ids" in arrays else np.array(settings["ids"], object)
    for name in COLUMNS:
        prefix = f"{name}-"
        own = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
        setattr(records, name, Column.from_arrays(own))
    return vectors, records


def check_label_types(labels: list[Any]) -> None:
    """Raise a TypeError for a label that could not be saved: better now than after a day of training."""
    for label in set(labels):
        try:
            _label_to_json(label)
        except TypeError as error:
            raise TypeError(
                f"`labels` needs values that can be saved: row {labels.index(label)} is {label!r}, "
                f"a {type(label).__name__}.\n  Pass its name or another string."
            ) from error


def _label_to_json(label: Any) -> Any:
    """JSON values stand for themselves; tuples and bytes, which JSON lacks, are tagged."""
    if label is None or type(label) in (bool, int, float, str):
        return label
    if type(label) is tuple:
        return {"tuple": [_label_to_json(part) for part in label]}
    if type(label) is bytes:
        return {"bytes": base64.b64encode(label).decode()}
    raise TypeError(f"a label of type {type(label).__name__} has no form in JSON")


def _label_from_json(label: Any) -> Any:
    if not isinstance(label, dict):
        return label
    if "tuple" in label:
        return tuple(_label_from_json(part) for part in label["tuple"])
    return base64.b64decode(label["bytes"])
