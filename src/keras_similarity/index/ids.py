"""Ids of an index's rows: joined, and found."""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids
from keras_similarity.errors import UnknownIdError

__all__ = ["IdTable", "join_ids", "missing_id"]

FEW_RECENT = 4096  # ids that a dict holds before they are sorted in


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
