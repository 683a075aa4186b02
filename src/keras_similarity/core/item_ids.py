"""Ids of items: int64 or str, chosen by the user or counted by the index; 1 and "1" are two ids."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array

__all__ = ["INT64", "MISSING_ID", "Ids", "as_ids", "id_list", "is_id"]

MISSING_ID = -1  # marks a missing neighbour among int ids, so no item may have it
INT64 = np.iinfo(np.int64)
MOST_BYTES = 512  # of a string id: ids travel in URLs, file names and logs

Ids = NDArray[Any]  # int64, or objects where one is a string


def as_ids(ids: Any) -> Ids:
    """Return ids as int64 `(n,)` when all are ints, else as objects.

    Raises:
        TypeError: an id that is neither an int nor a string.
        ValueError: -1, an int beyond 64 bits, an id given twice, or a string that is empty, longer than 512 bytes,
            no valid Unicode, or climbs out of a folder.
    """
    if isinstance(ids, np.ndarray | range):
        ids = np.asarray(ids)
        if ids.ndim == 1 and ids.dtype.kind in "iu":
            return _as_int_ids(ids)
    values = id_list(ids)
    for row, value in enumerate(values):
        if type(value) is not int or value == MISSING_ID or not INT64.min <= value <= INT64.max:
            _check(value, row)
    if len(set(values)) != len(values):
        seen: set[Any] = set()
        raise _twice(next(value for value in values if value in seen or seen.add(value)))
    if all(isinstance(value, int) for value in values):
        return np.array(values, np.int64)
    return _as_objects(values)


def id_list(ids: Any) -> list[Any]:
    """Return ids, of which none was looked at, as a list of Python's own values.

    Raises:
        TypeError, ValueError: a single string, or an array of other than one axis.
    """
    if isinstance(ids, str | bytes):
        raise TypeError(f"`ids` needs one id per row: got the single {type(ids).__name__} {ids[:60]!r}.\n  Pass [id].")
    values: list[Any] = list(ids) if isinstance(ids, Iterable) and not hasattr(ids, "shape") else _listed(ids)
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def is_id(value: Any) -> bool:
    """Whether an item may have this id."""
    try:
        _check(value, 0)
    except (TypeError, ValueError):
        return False
    return True


def _as_int_ids(ids: NDArray[Any]) -> NDArray[np.int64]:
    if len(ids) and ((ids.dtype.kind == "u" and ids.max() > INT64.max) or (ids == MISSING_ID).any()):
        wrong = (ids > INT64.max) if ids.dtype.kind == "u" else (ids == MISSING_ID)
        _check(int(ids[wrong.argmax()]), int(wrong.argmax()))
    whole = ids.astype(np.int64)
    if len(whole) and not (np.diff(whole) > 0).all():
        ordered = np.sort(whole)
        again = ordered[1:] == ordered[:-1]
        if again.any():
            raise _twice(int(ordered[again.argmax()]))
    return whole


def _as_objects(values: list[Any]) -> NDArray[np.object_]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _listed(ids: Any) -> list[Any]:
    array = as_array(ids)
    if array.ndim != 1:
        raise ValueError(f"`ids` needs one id per row, shape (n,): got shape {array.shape}.\n  Pass a list of ids.")
    return array.tolist()


def _twice(value: Any) -> ValueError:
    return ValueError(f"`ids` must differ within one call: {value!r} is there twice.\n  Keep one row per id.")


def _check(value: Any, row: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(
            f"`ids` needs ints or strings: row {row} is {value!r}, a {type(value).__name__}.\n"
            "  Pass `str(value)` for another kind of key."
        )
    if isinstance(value, int):
        if value == MISSING_ID or not INT64.min <= value <= INT64.max:
            raise ValueError(
                f"`ids` needs whole numbers of 64 bits other than -1, which means a missing neighbour: "
                f"row {row} is {value}.\n  Pass it as a string."
            )
        return
    reason = _reason_against(value)
    if reason:
        shown = repr(value) if len(value) <= 60 else f"{value[:57]!r}… ({len(value)} characters)"
        raise ValueError(
            f"`ids` needs strings that {reason}: row {row} is {shown}.\n  Pass a short name or a hash of it."
        )


def _reason_against(value: str) -> str | None:
    if not value:
        return "are not empty"
    if len(value) > MOST_BYTES:
        return f"have at most {MOST_BYTES} bytes"
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        return "are valid Unicode"
    if len(encoded) > MOST_BYTES:
        return f"have at most {MOST_BYTES} bytes"
    if "\0" in value:
        return "hold no NUL"
    if ".." in value.replace("\\", "/").split("/"):  # ids become file names and URLs in other people's hands
        return "do not climb out of a folder"
    return None
