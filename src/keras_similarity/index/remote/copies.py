"""An index in a database as arrays: for people, and what `save`, `snapshot` and a model's own file are made of."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.labels import NO_LABEL
from keras_similarity.index.columns import as_block, decode
from keras_similarity.index.ids import as_ids
from keras_similarity.index.items import Items
from keras_similarity.index.remote.items import Page
from keras_similarity.index.settings import Settings
from keras_similarity.index.snapshot import index_to_arrays
from keras_similarity.index.stores.memory import MemoryStore

__all__ = ["arrays_of"]


def arrays_of(
    pages: Iterable[Page], settings: Settings, labels: list[Hashable], next_id: int
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return every item as `index_to_arrays` returns those of a store.

    Args:
        pages: Every item, in the order they were added.
        settings: The index's.
        labels: By code.
        next_id: The next int id that `add` gives.

    Cost: every item in memory.
    """
    space = settings.space
    store = MemoryStore(space.width, space.distance, space.dtype)
    for page in pages:
        items = Items(
            as_ids(page.ids),
            page.vectors,
            [None if code == NO_LABEL else labels[code] for code in page.codes.tolist()],
            as_block([None if raw is None else decode(raw) for raw in page.data], name="data"),
            page.metadata,
        )
        store.put(items, np.empty(0, np.intp))
    store.next_id = next_id
    return index_to_arrays(store, settings.to_json())
