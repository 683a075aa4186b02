"""The state of an index as plain arrays and JSON, and back: what a file format keeps, whatever the format."""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.distances import Distance
from keras_similarity.core.label_json import label_from_json, label_to_json
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.errors import MissingExtraError
from keras_similarity.index.columns import Column
from keras_similarity.index.engines import APPROXIMATE, ExactEngine
from keras_similarity.index.engines.spaces import space_of
from keras_similarity.index.graph import EngineReport, Graph
from keras_similarity.index.rows import Block, Matrix
from keras_similarity.index.stores.memory import MemoryStore

__all__ = ["index_from_arrays", "index_to_arrays", "load_graph"]

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]
COLUMNS = ("data", "metadata")


def index_to_arrays(store: Any, settings: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of an index and its settings, labels and string ids in the settings' JSON."""
    rows = store.rows
    ids = rows.ids[:]
    arrays: Arrays = {"embeddings": rows.vectors(), "codes": rows.codes[:]}
    if rows.live is not None:
        arrays["live"] = np.packbits(rows.live)
    settings = settings | {
        "next_id": store.next_id,
        "labels": [label_to_json(label) for label in store.vocabulary.labels],
    }
    if ids.dtype == object:
        settings["ids"] = ids.tolist()
    else:
        arrays["ids"] = ids
    for name, column in zip(COLUMNS, store.columns(), strict=True):
        arrays |= {f"{name}-{key}": value for key, value in column.to_arrays().items()}
    graph = rows.blocks[0].graph
    if graph is not None:
        arrays["graph"], settings["graph"] = graph.engine.dump(), graph.report.as_dict()
    return arrays, settings


def index_from_arrays(arrays: dict[str, Any], settings: dict[str, Any], distance: Distance) -> MemoryStore:
    """Rebuild the store that `index_to_arrays` wrote down."""
    vectors = arrays["embeddings"]
    ids = arrays["ids"] if "ids" in arrays else np.array(settings["ids"], object)
    live = np.unpackbits(arrays["live"], count=len(vectors)).astype(bool) if "live" in arrays else None
    data, metadata = (_column(arrays, f"{name}-") for name in COLUMNS)
    built = None
    if "graph" in arrays:
        matrix = Matrix(vectors[: settings["graph"]["rows"]])
        built = Block(matrix, ExactEngine(distance), load_graph(arrays["graph"], settings["graph"], matrix, distance))
    store = MemoryStore.adopt(distance, vectors, ids, arrays["codes"], live, data, metadata, built)
    store.next_id = settings["next_id"]
    store.vocabulary = LabelVocabulary(label_from_json(label) for label in settings["labels"])
    return store


def _column(arrays: dict[str, Any], prefix: str) -> Column:
    own = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
    return Column.from_arrays(own)


def load_graph(content: NDArray[np.uint8], report: dict[str, Any], matrix: Matrix, distance: Distance) -> Graph | None:
    """Return a graph that was written down, or None where it cannot be used here: it can be built again."""
    space = space_of(distance)
    try:
        if space is not None and report["engine"] in APPROXIMATE:
            return Graph(APPROXIMATE[report["engine"]].load(content, matrix, space), EngineReport(**report))
    except (MissingExtraError, ValueError, TypeError) as error:
        logger.warning("the saved graph is left aside, and searches are exact: %s", error)
    return None
