"""One value of any kind per row: what people keep beside an embedding, and its form on disk without pickle.

Rows arrive in blocks. A block of equal-shaped numbers stays one array; anything else is a list of items, each of
them a JSON value, bytes, a path or an array. On disk an item is a tag and its bytes, so reading runs no code.
"""

import bisect
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array
from keras_similarity.index.metadata import copied

__all__ = ["Block", "Column", "Deferred", "as_block", "decode", "encode", "encode_block", "kept_block"]

PLAIN_KINDS = "biufcSUmM"  # the NumPy kinds that a .npy file holds without pickle
SCALAR_KINDS = "cmM"  # of these, what neither JSON nor Python says as well: a number stays NumPy's


class Deferred:
    """An array that is read when it is first asked for, and then kept.

    Args:
        read: Returns the array, or raises.
    """

    def __init__(self, read: Callable[[], NDArray[Any]]) -> None:
        self._read = read
        self._array: NDArray[Any] | None = None

    def __call__(self) -> NDArray[Any]:
        """Return the array."""
        if self._array is None:
            self._array = self._read()
        return self._array


class Encoded:
    """Items as they lie on disk, each decoded when it is looked at.

    Args:
        content: The bytes of all items.
        stops: Where each item ends, `(n,)` int64.
    """

    def __init__(self, content: "Array", stops: "Array") -> None:
        self.content = content
        self.stops = stops

    def __getitem__(self, row: int) -> Any:
        stops = _resolved(self.stops)
        start = int(stops[row - 1]) if row else 0
        return decode(_resolved(self.content)[start : int(stops[row])].tobytes())


Array = NDArray[Any] | Deferred
Block = NDArray[Any] | list[Any] | Deferred | Encoded


class Column:
    """A value per row, appended in blocks; None where nothing was given."""

    def __init__(self) -> None:
        self.blocks: list[Block | None] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def append(self, block: Block | None, count: int) -> None:
        """Add a block of `count` rows, as `as_block` made it; None when the rows have no value."""
        self.blocks.append(block)
        self._ends.append(len(self) + count)

    def __getitem__(self, row: int) -> Any:
        position = bisect.bisect_right(self._ends, row)
        block = self.blocks[position]
        if block is None:
            return None
        if isinstance(block, Deferred):
            block = block()
        return _unwrapped(block[row - (self._ends[position - 1] if position else 0)])

    def between(self, start: int, stop: int) -> Iterator[Any]:
        """Return the values of rows start to stop, block by block."""
        first = bisect.bisect_right(self._ends, start)
        for number in range(first, len(self.blocks)):
            begin = self._ends[number - 1] if number else 0
            if begin >= stop:
                return
            block = self.blocks[number]
            block = block() if isinstance(block, Deferred) else block
            inside = range(max(start - begin, 0), min(stop, self._ends[number]) - begin)
            yield from (None for _ in inside) if block is None else (_unwrapped(block[row]) for row in inside)

    def take(self, rows: NDArray[np.intp]) -> "Column":
        """Return a column of the chosen rows, given ascending."""
        column = Column()
        starts = np.array([0, *self._ends])
        for number, block in enumerate(self.blocks):
            first, last = np.searchsorted(rows, starts[number : number + 2])
            inside = rows[first:last] - starts[number]
            if len(inside) == 0:
                continue
            if isinstance(block, np.ndarray | Deferred):
                column.append(_resolved(block)[inside], len(inside))
            else:
                column.append(None if block is None else [block[row] for row in inside.tolist()], len(inside))
        return column

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the column as arrays that a .npy file holds without pickle, by block number."""
        runs = self._runs()
        arrays: dict[str, NDArray[Any]] = {"ends": np.cumsum([count for _, count in runs], dtype=np.int64)}
        for number, (block, _) in enumerate(runs):
            if isinstance(block, np.ndarray):
                arrays[f"{number}-array"] = block
            elif isinstance(block, Encoded):
                arrays[f"{number}-bytes"] = _resolved(block.content)
                arrays[f"{number}-stops"] = _resolved(block.stops)
            elif block is not None:
                encoded = [encode(item) for item in block]
                arrays[f"{number}-bytes"] = np.frombuffer(b"".join(encoded), np.uint8)
                arrays[f"{number}-stops"] = np.cumsum([len(item) for item in encoded], dtype=np.int64)
        return arrays

    def _runs(self) -> list[tuple[Any, int]]:
        """Return blocks with their lengths, those joined that can lie in one array or list: items often come singly."""
        runs: list[tuple[list[Any], list[int]]] = []
        kinds: list[Any] = []
        for block, count in zip(self.blocks, np.diff([0, *self._ends]).tolist(), strict=True):
            whole = _resolved(block) if isinstance(block, Deferred) else block
            kind = (whole.dtype, whole.shape[1:]) if isinstance(whole, np.ndarray) else type(whole)
            if kinds and kinds[-1] == kind and kind is not Encoded:
                runs[-1][0].append(whole)
                runs[-1][1].append(count)
            else:
                runs.append(([whole], [count]))
                kinds.append(kind)
        return [(_joined(blocks), sum(counts)) for blocks, counts in runs]

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> "Column":
        """Rebuild what `to_arrays` returned; deferred arrays stay unread until an item is looked at."""
        column = cls()
        column._ends = _resolved(arrays["ends"]).tolist()
        for number in range(len(column._ends)):
            if f"{number}-stops" in arrays:
                column.blocks.append(Encoded(arrays[f"{number}-bytes"], arrays[f"{number}-stops"]))
            else:
                column.blocks.append(arrays.get(f"{number}-array"))
        return column


def _joined(blocks: list[Any]) -> Any:
    if len(blocks) == 1 or blocks[0] is None:
        return blocks[0]
    if isinstance(blocks[0], np.ndarray):
        return np.concatenate(blocks)
    return list(itertools.chain.from_iterable(blocks))


def as_block(values: Any, *, name: str) -> Block:
    """Copy one value per row into a block.

    Args:
        values: An array or tensor with one entry per row, or a sequence of JSON values, bytes, paths or arrays.
        name: What the caller calls it, for the message.

    Raises:
        TypeError, ValueError: an item that could not be saved as it is; the message names its row.
    """
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        items = [_checked(item, row, name) for row, item in enumerate(values)]
        return _stacked(items)
    array = as_array(values)
    if array.ndim == 0:
        raise TypeError(
            f"`{name}` needs one value per row: got a single {type(values).__name__}.\n  Pass a list of values."
        )
    if array.dtype.kind in PLAIN_KINDS:
        return _frozen(array.copy())
    return [_checked(item, row, name) for row, item in enumerate(array.tolist())]


def kept_block(items: list[Any]) -> Block:
    """Copy values that were kept before into a block; they are not checked again, as the rules may be stricter now."""
    return _stacked([_frozen(item.copy()) if isinstance(item, np.ndarray) else item for item in items])


def _unwrapped(item: Any) -> Any:
    """Return a NumPy number or string as Python's, as it comes back from disk."""
    return item.item() if isinstance(item, np.generic) and item.dtype.kind not in SCALAR_KINDS else item


def _stacked(items: list[Any]) -> Block:
    """Keep equal arrays as one array: smaller, and quicker to save."""
    first = items[0] if items else None
    alike = isinstance(first, np.ndarray) and all(
        isinstance(item, np.ndarray) and item.shape == first.shape and item.dtype == first.dtype for item in items
    )
    return _frozen(np.stack(items)) if alike else items


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Whoever looks at an item must not change the index."""
    array.setflags(write=False)
    return array


def _checked(item: Any, row: int, name: str) -> Any:
    if item is None or isinstance(item, bytes | PurePath):
        return item
    if hasattr(item, "__array__"):
        array = as_array(item).copy()
        if array.ndim == 0 and array.dtype.kind in PLAIN_KINDS:
            item = _unwrapped(array[()])
            return item if isinstance(item, bytes) or array.dtype.kind in SCALAR_KINDS else copied(item, row, name)
        if array.dtype.kind in PLAIN_KINDS:
            return _frozen(array)
    if isinstance(item, str | int | float | list | tuple | Mapping):
        return copied(item, row, name)
    raise TypeError(
        f"`{name}` needs values that can be saved: row {row} is a {type(item).__name__}.\n"
        "  Pass arrays, strings, bytes, paths or JSON values."
    )


def encode(item: Any) -> bytes:
    """Return an item as a tag and its bytes."""
    if isinstance(item, bytes):
        return b"b" + item
    if isinstance(item, PurePath):
        return b"p" + os.fsencode(item)
    if isinstance(item, np.ndarray | np.generic):
        return _array_head(item) + item.tobytes()
    return b"j" + json.dumps(item).encode()


_DECODERS: dict[bytes, Callable[[bytes], Any]] = {
    b"b": bytes,
    b"p": lambda raw: Path(os.fsdecode(raw)),
    b"a": lambda raw: _array_of(raw),
    b"j": json.loads,
}


def encode_block(block: Block | None) -> Iterator[bytes | None]:
    """Return each item of a block as a tag and its bytes, None for none; without end where there is no block."""
    if block is None:
        return itertools.repeat(None)
    if isinstance(block, np.ndarray) and block.ndim > 1:
        head = _array_head(block[0] if len(block) else block)
        return (head + row.tobytes() for row in block)
    items: Any = block
    if isinstance(block, np.ndarray):
        items = list(block) if block.dtype.kind in SCALAR_KINDS else block.tolist()
    return (None if item is None else encode(item) for item in items)


def decode(raw: bytes) -> Any:
    """Return the item that `encode` turned into these bytes."""
    return _DECODERS[raw[:1]](raw[1:])


def _resolved(array: Array) -> NDArray[Any]:
    return array() if isinstance(array, Deferred) else array


def _array_head(array: NDArray[Any] | np.generic) -> bytes:
    about = json.dumps([array.dtype.str, array.shape]).encode()
    return b"a" + len(about).to_bytes(2, "little") + about


def _array_of(raw: bytes) -> NDArray[Any]:
    stop = 2 + int.from_bytes(raw[:2], "little")
    dtype, shape = json.loads(raw[2:stop])
    array = np.frombuffer(raw, np.dtype(dtype), offset=stop).reshape(shape)
    return array if shape else array[()]
