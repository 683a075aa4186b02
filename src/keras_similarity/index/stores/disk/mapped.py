"""Arrays in a mapped file whose parts are checked when they are first read: opening costs nothing, damage shows."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.index.rows import Floats, Matrix, Positions, as_float32

__all__ = ["CHUNK_BYTES", "Checked", "MappedMatrix", "TextColumn", "chunk_rows", "crcs_of"]

CHUNK_BYTES = 2**18  # that one checksum covers


class Checked:
    """A mapped array with a CRC-32 for each chunk of its rows.

    Args:
        array: The rows, read-only.
        crcs: One number a chunk, uint32.
        damaged: First and last row of a chunk -> the error to raise for it.
    """

    def __init__(self, array: NDArray[Any], crcs: NDArray[np.uint32], damaged: Callable[[int, int], Exception]) -> None:
        self.array = array
        self._crcs = crcs
        self._damaged = damaged
        self._step = chunk_rows(array)
        self._checked = np.zeros(len(crcs), bool)
        self.is_checked = len(crcs) == 0  # whole

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rows."""
        return self.array.dtype

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Return a slice or chosen rows, checked."""
        if not self.is_checked:
            if isinstance(rows, slice):
                self._check_range(*rows.indices(len(self.array))[:2])
            else:
                self._check_rows(np.asarray(rows))
        return self.array[rows]

    def part(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows start to stop, checked."""
        if not self.is_checked:
            self._check_range(start, stop)
        return self.array[start:stop]

    def take(self, rows: Positions) -> NDArray[Any]:
        """Return the chosen rows, checked."""
        if not self.is_checked:
            self._check_rows(rows)
        return self.array.take(rows, axis=0)

    def check(self) -> NDArray[Any]:
        """Check every row, and return all."""
        self._check_range(0, len(self.array))
        return self.array

    def damaged_rows(self) -> list[tuple[int, int]]:
        """Check every chunk and return first and last row of those that are damaged."""
        spans = [
            (chunk * self._step, min((chunk + 1) * self._step, len(self.array))) for chunk in range(len(self._crcs))
        ]
        return [(first, stop - 1) for first, stop in spans if not self._holds(first // self._step)]

    def _check_range(self, start: int, stop: int) -> None:
        for chunk in range(start // self._step, min(-(-stop // self._step), len(self._crcs))):
            if not self._checked[chunk]:
                self._check_chunk(chunk)
        self.is_checked = bool(self._checked.all())

    def _check_rows(self, rows: NDArray[Any]) -> None:
        chunks = np.unique(np.where(rows < 0, rows + len(self.array), rows) // self._step)
        for chunk in chunks[~self._checked[chunks]].tolist():
            self._check_chunk(chunk)
        self.is_checked = bool(self._checked.all())

    def _check_chunk(self, chunk: int) -> None:
        if not self._holds(chunk):
            first = chunk * self._step
            raise self._damaged(first, min(first + self._step, len(self.array)) - 1)
        self._checked[chunk] = True

    def _holds(self, chunk: int) -> bool:
        part = self.array[chunk * self._step : (chunk + 1) * self._step]
        return zlib.crc32(part.reshape(-1).view(np.uint8).data) == self._crcs[chunk]


class MappedMatrix(Matrix):
    """Vectors in a mapped file, each chunk checked before its first use."""

    in_memory = False

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self.shape = checked.array.shape  # pyright: ignore[reportAttributeAccessIssue]  two axes
        self.dtype = checked.array.dtype
        self.nbytes = checked.array.nbytes

    @property
    def rows(self) -> NDArray[Any]:
        """Every row, all of them checked: for an engine that reads them by itself."""
        return self._checked.array if self._checked.is_checked else self._checked.check()

    @property
    def whole(self) -> Floats | None:
        """Every row, once all were checked."""
        return self._checked.array if self.dtype == np.float32 and self._checked.is_checked else None

    def part(self, start: int, stop: int) -> Floats:
        """Return rows start to stop."""
        return as_float32(self._checked.part(start, stop))

    def take(self, rows: Positions) -> Floats:
        """Return the chosen rows."""
        return as_float32(self._checked.take(rows))


class TextColumn:
    """Strings in a mapped file.

    Args:
        text: Their UTF-8 bytes, one after the other.
        stops: Where each ends, int64.
    """

    dtype = np.dtype(object)

    def __init__(self, text: Checked, stops: Checked) -> None:
        self._text = text
        self._stops = stops

    def __len__(self) -> int:
        return len(self._stops)

    def __getitem__(self, rows: Any) -> NDArray[np.object_]:
        """Return a slice or chosen strings; an int among them is marked by a leading NUL, which no string id has."""
        numbers = np.arange(len(self))[rows]
        flat = numbers.reshape(-1)
        stops = self._stops[flat]
        starts = np.where(flat == 0, 0, self._stops[np.maximum(flat, 1) - 1])
        found = np.empty(len(flat), object)
        if len(flat) > 1 and (np.diff(flat) == 1).all():
            raw, first = self._text.part(int(starts[0]), int(stops[-1])).tobytes(), int(starts[0])
            spans = zip((starts - first).tolist(), (stops - first).tolist(), strict=True)
            found[:] = [_as_id(raw[start:stop]) for start, stop in spans]
        else:
            spans = zip(starts.tolist(), stops.tolist(), strict=True)
            found[:] = [_as_id(self._text.part(start, stop).tobytes()) for start, stop in spans]
        return found.reshape(numbers.shape)


def chunk_rows(array: NDArray[Any]) -> int:
    """Return how many rows one checksum covers."""
    return max(1, CHUNK_BYTES // max(1, array.itemsize * int(np.prod(array.shape[1:]))))


def crcs_of(array: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the checksum of each chunk of a C-contiguous array."""
    step = chunk_rows(array)
    parts = (array[start : start + step].reshape(-1).view(np.uint8) for start in range(0, len(array), step))
    return np.fromiter((zlib.crc32(part.data) for part in parts), np.uint32)


def _as_id(raw: bytes) -> int | str:
    return int(raw[1:]) if raw[:1] == b"\0" else raw.decode()
