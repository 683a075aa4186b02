"""An index in PostgreSQL as arrays, read in a transaction that sees one moment."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import as_ids
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.index.items import Space
from keras_similarity.index.readable import IndexArrays
from keras_similarity.index.remote.copies import arrays_of
from keras_similarity.index.remote.postgres.items import pages
from keras_similarity.index.remote.postgres.label_table import PostgresLabels
from keras_similarity.index.remote.postgres.schema import Tables, read_state
from keras_similarity.index.remote.postgres.wire import read_vectors
from keras_similarity.index.rows import as_float32
from keras_similarity.index.settings import Settings

__all__ = ["as_arrays", "as_columns"]


def as_arrays(
    connection: Any, tables: Tables, settings: Settings, labels: PostgresLabels
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return every item as `index_to_arrays` returns those of a store."""
    state = read_state(connection, tables)
    known = labels.first(connection, state.labels).labels
    found = pages(connection, tables, settings.space.dtype, settings.space.width)
    return arrays_of(found, settings, known, state.next_id)


def as_columns(connection: Any, tables: Tables, space: Space, labels: PostgresLabels) -> IndexArrays:
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
