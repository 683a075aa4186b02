"""An index in a database as arrays: for people, and what `save`, `snapshot` and a model's own file are made of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.labels import NO_LABEL
from keras_similarity.index.columns import as_block, decode
from keras_similarity.index.ids import as_ids
from keras_similarity.index.items import Items, Space
from keras_similarity.index.readable import IndexArrays
from keras_similarity.index.remote.postgres.items import pages
from keras_similarity.index.remote.postgres.label_table import LabelTable
from keras_similarity.index.remote.postgres.schema import Tables, read_state
from keras_similarity.index.remote.postgres.wire import read_vectors
from keras_similarity.index.rows import as_float32
from keras_similarity.index.settings import Settings
from keras_similarity.index.snapshot import index_to_arrays
from keras_similarity.index.stores.memory import MemoryStore

__all__ = ["as_arrays", "as_columns"]


def as_arrays(
    connection: Any, tables: Tables, settings: Settings, labels: LabelTable
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return every item, read in a transaction that sees one moment, as `index_to_arrays` returns those of a store.

    Cost: every item in memory.
    """
    space = settings.space
    store = MemoryStore(space.width, space.distance, space.dtype)
    state = read_state(connection, tables)
    known = labels.first(connection, state.labels).labels
    for page in pages(connection, tables, space.dtype, space.width):
        items = Items(
            as_ids(page.ids),
            page.vectors,
            [None if code == NO_LABEL else known[code] for code in page.codes.tolist()],
            as_block([None if raw is None else decode(raw) for raw in page.data], name="data"),
            page.metadata,
        )
        store.put(items, store.positions_of(items.ids)[:0])
    store.next_id = state.next_id
    return index_to_arrays(store, settings.to_json())


def as_columns(connection: Any, tables: Tables, space: Space, labels: LabelTable) -> IndexArrays:
    """Return what `Index.arrays` returns, read in a transaction that sees one moment."""
    state = read_state(connection, tables)
    query = f"SELECT id_int, id_text, label, embedding FROM {tables.rows} ORDER BY seq"
    rows = connection.execute(query, binary=True).fetchall()
    return IndexArrays(
        as_ids([text if whole is None else whole for whole, text, _, _ in rows]),
        np.array([NO_LABEL if code is None else code for _, _, code, _ in rows], np.int32),
        list(labels.first(connection, state.labels).labels),
        as_float32(read_vectors([vector for *_, vector in rows], space.dtype, space.width)),
        state.generation,
    )
