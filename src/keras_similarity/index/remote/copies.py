"""An index in a database as arrays: for people, and what `save`, `snapshot` and a model's own file are made of."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import as_ids
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.errors import IndexLockedError
from keras_similarity.index.columns import decode, kept_block
from keras_similarity.index.items import Items
from keras_similarity.index.readable import IndexArrays
from keras_similarity.index.remote.items import Page
from keras_similarity.index.remote.reading import Counters
from keras_similarity.index.settings import Settings
from keras_similarity.index.snapshot import index_to_arrays
from keras_similarity.index.stores.memory import MemoryStore

__all__ = ["arrays_of", "columns_of", "unwritten"]

TRIES = 3  # to read everything while nobody writes
S = TypeVar("S", bound=Counters)


def unwritten(state: Callable[[], S], pages: Callable[[S], Iterable[Page]], shown: str) -> tuple[S, list[Page]]:
    """Return every item of a database that shows no moment that has passed: none may be written to it meanwhile.

    Args:
        state: Asks for the newest state.
        pages: Every item of it.
        shown: What people may see of the index's address.

    Raises:
        IndexLockedError: others wrote all the while.
    """
    for _ in range(TRIES):
        before = state()
        found = list(pages(before))
        if state().generation == before.generation:
            return before, found
    raise IndexLockedError(f"{shown} was written to while it was read, {TRIES} times.\n  Try again when nobody writes.")


def columns_of(pages: list[Page], width: int, labels: list[Hashable], generation: int) -> IndexArrays:
    """Return what `Index.arrays` returns, of every item in the order they were added."""
    return IndexArrays(
        as_ids([item_id for page in pages for item_id in page.ids]),
        np.concatenate([np.empty(0, np.int32), *(page.codes for page in pages)]),
        list(labels),
        np.concatenate([np.empty((0, width), np.float32), *(page.vectors for page in pages)]),
        generation,
    )


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
            kept_block([None if raw is None else decode(raw) for raw in page.data]),
            page.metadata,
        )
        store.put(items, np.empty(0, np.intp))
    store.next_id = next_id
    return index_to_arrays(store, settings.to_json())
