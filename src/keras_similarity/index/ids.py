"""Ids: int64 or str, chosen by the user or counted by the index; 1 and "1" are two ids."""

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array
from keras_similarity.errors import UnknownIdError

__all__ = ["MISSING_ID", "IdTable", "Ids", "as_ids", "join_ids", "missing_id"]

MISSING_ID = -1  # marks a missing neighbour among int ids, so no item may have it
INT64 = np.iinfo(np.int64)
MOST_BYTES = 512  # of a string id: ids travel in URLs, file names and logs
FEW_RECENT = 4096  # ids that a dict holds before they are sorted in

Ids = NDArray[Any]  # int64, or objects where one is a string


def as_ids(ids: Any) -> Ids:
    """Return ids as int64 `(n,)` when all are ints, else as objects.

    Raises:
        TypeError: an id that is neither an int nor a string.
        ValueError: -1, an int beyond 64 bits, an id given twice, or a string that is empty, longer than 512 bytes,
            no valid Unicode, or climbs out of a folder.
    """
    if isinstance(ids, str | bytes):
        raise TypeError(f"`ids` needs one id per row: got the single {type(ids).__name__} {ids[:60]!r}.\n  Pass [id].")
    if isinstance(ids, np.ndarray | range):
        ids = np.asarray(ids)
        if ids.ndim == 1 and ids.dtype.kind in "iu":
            return _as_int_ids(ids)
    values: list[Any] = list(ids) if isinstance(ids, Iterable) and not hasattr(ids, "shape") else _listed(ids)
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    for row, value in enumerate(values):
        if type(value) is not int or value == MISSING_ID or not INT64.min <= value <= INT64.max:
            _check(value, row)
    if len(set(values)) != len(values):
        seen: set[Any] = set()
        raise _twice(next(value for value in values if value in seen or seen.add(value)))
    if all(isinstance(value, int) for value in values):
        return np.array(values, np.int64)
    return _as_objects(values)


def missing_id(item_id: int | str) -> UnknownIdError:
    """Return the error for an id that no item has."""
    return UnknownIdError(f"the index holds no item with id {item_id!r}.\n  `id in index` tells whether it does.")


def join_ids(*parts: Ids) -> Ids:
    """Return ids one after the other, int64 when all are."""
    if len({part.dtype for part in parts}) == 1:
        return np.concatenate(parts)
    return np.concatenate([part.astype(object) for part in parts])


class IdTable:
    """Finds the newest row of an id. 8 bytes a row for ints in any order, nothing for ascending ones, 16 for strings.

    Rows come in order. The last few are kept in a dict, all others are found by bisection.
    """

    def __init__(self) -> None:
        self._sorted = 0  # rows that bisection covers
        self._ascending = self._sorted_ints = True
        self._keys = np.empty(0, np.int64)
        self._order = np.empty(0, np.intp)
        self._recent: dict[int | str, int] = {}
        self._count = 0
        self._lock = threading.Lock()  # readers extend it

    def find(self, ids: Ids, known: Any) -> NDArray[np.intp]:
        """Return the newest row of each id, -1 where there is none.

        Args:
            ids: What to look for `(n,)`.
            known: The id of every row, an array or what is indexed like one; it only ever grows at its end.
        """
        with self._lock:
            self._extend(known)
            rows = self._bisected(ids, known)
            if self._recent:
                newest = (self._recent.get(value, -1) for value in ids.tolist())
                rows = np.maximum(rows, np.fromiter(newest, np.intp, len(ids)))
        return rows

    def _extend(self, known: Any) -> None:
        if len(known) <= self._count:  # or another thread saw more rows
            return
        fresh = known[self._count :]
        became_objects = self._sorted_ints and known.dtype == object
        if len(known) - self._sorted <= max(FEW_RECENT, self._sorted // 8) and not became_objects:
            self._recent.update(zip(fresh.tolist(), range(self._count, len(known)), strict=True))
        else:
            self._sort(known)
        self._count = len(known)

    def _sort(self, known: Any) -> None:
        is_int = known.dtype != object
        self._sorted_ints = is_int
        rows = known[:]
        self._ascending = is_int and bool((np.diff(rows) > 0).all())
        if not self._ascending:
            self._keys = np.empty(0, np.int64) if is_int else _hashes(rows)
            self._order = np.argsort(rows if is_int else self._keys, kind="stable")
        self._sorted, self._recent = len(known), {}

    def _bisected(self, ids: Ids, known: Any) -> NDArray[np.intp]:
        rows = np.full(len(ids), -1, np.intp)
        if self._sorted == 0 or len(ids) == 0:
            return rows
        if known.dtype != object and ids.dtype == object:  # only the ints among them can be there
            ints = np.array([isinstance(value, int) for value in ids.tolist()], bool)
            rows[ints] = self._bisected(ids[ints].astype(np.int64), known)
            return rows
        keys = known[: self._sorted] if known.dtype != object else self._keys
        wanted = ids if known.dtype != object else _hashes(ids)
        if self._ascending:
            place = np.searchsorted(keys, wanted, side="right") - 1
            return np.where((place >= 0) & (keys[place] == wanted), place, -1)
        place = np.searchsorted(keys, wanted, side="right", sorter=self._order) - 1
        for number in np.flatnonzero(place >= 0).tolist():
            rows[number] = self._newest(place[number], wanted[number], ids[number], keys, known)
        return rows

    def _newest(self, place: int, key: Any, wanted: Any, keys: NDArray[np.int64], known: Any) -> int:
        """Walk back over equal keys: rows of one key are in order, and a hash can belong to two strings."""
        while place >= 0 and keys[self._order[place]] == key:
            if known[self._order[place]] == wanted:
                return int(self._order[place])
            place -= 1
        return -1


def _hashes(ids: Ids) -> NDArray[np.int64]:
    return np.fromiter(map(hash, ids.tolist()), np.int64, len(ids))


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
