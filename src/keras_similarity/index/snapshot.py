"""The state of an index as plain arrays and JSON, and back: what a file format keeps, whatever the format."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.index.label_json import label_from_json, label_to_json
from keras_similarity.index.stores.columns import Column
from keras_similarity.index.stores.memory import MemoryStore

__all__ = ["index_from_arrays", "index_to_arrays"]

Arrays = dict[str, NDArray[Any]]
COLUMNS = ("data", "metadata")


def index_to_arrays(store: MemoryStore, settings: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of an index and its settings, labels and string ids in the settings' JSON."""
    rows = store.rows
    arrays: Arrays = {"embeddings": rows.vectors(), "codes": rows.codes}
    if rows.live is not None:
        arrays["live"] = np.packbits(rows.live)
    settings = settings | {
        "next_id": store.next_id,
        "labels": [label_to_json(label) for label in store.vocabulary.labels],
    }
    if rows.ids.dtype == object:
        settings["ids"] = rows.ids.tolist()
    else:
        arrays["ids"] = rows.ids
    for column in COLUMNS:
        arrays |= {f"{column}-{key}": value for key, value in getattr(store, column).to_arrays().items()}
    return arrays, settings


def index_from_arrays(arrays: dict[str, Any], settings: dict[str, Any], distance: Distance) -> MemoryStore:
    """Rebuild the store that `index_to_arrays` wrote down."""
    vectors = arrays["embeddings"]
    ids = arrays["ids"] if "ids" in arrays else np.array(settings["ids"], object)
    live = np.unpackbits(arrays["live"], count=len(vectors)).astype(bool) if "live" in arrays else None
    columns = []
    for name in COLUMNS:
        prefix = f"{name}-"
        own = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
        columns.append(Column.from_arrays(own))
    store = MemoryStore.adopt(distance, vectors, ids, arrays["codes"], live, *columns)
    store.next_id = settings["next_id"]
    store.vocabulary = LabelVocabulary(label_from_json(label) for label in settings["labels"])
    return store
