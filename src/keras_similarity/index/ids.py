"""Ids: int64 or str, chosen by the user or counted by the index; 1 and "1" are two ids."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array

__all__ = ["MISSING_ID", "as_ids"]

MISSING_ID = -1  # marks a missing neighbour among int ids, so no item may have it
INT64 = np.iinfo(np.int64)


def as_ids(ids: Any) -> NDArray[np.int64] | NDArray[np.object_]:
    """Return ids as int64 `(n,)` when all are ints, else as objects.

    Raises:
        TypeError: an id that is neither an int nor a string.
        ValueError: -1, an int beyond 64 bits, or an id given twice.
    """
    values: list[Any] = list(ids) if isinstance(ids, list | tuple | range) else as_array(ids).tolist()
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    for row, value in enumerate(values):
        _check(value, row)
    if len(set(values)) != len(values):
        seen: set[Any] = set()
        twice = next(value for value in values if value in seen or seen.add(value))
        raise ValueError(f"`ids` must differ within one call: {twice!r} is there twice.\n  Keep one row per id.")
    if all(isinstance(value, int) for value in values):
        return np.array(values, np.int64)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _check(value: Any, row: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(
            f"`ids` needs ints or strings: row {row} is {value!r}, a {type(value).__name__}.\n"
            "  Pass `str(value)` for another kind of key."
        )
    if isinstance(value, int) and (value == MISSING_ID or not INT64.min <= value <= INT64.max):
        raise ValueError(
            f"`ids` needs whole numbers of 64 bits other than -1, which means a missing neighbour: "
            f"row {row} is {value}.\n  Pass it as a string."
        )
