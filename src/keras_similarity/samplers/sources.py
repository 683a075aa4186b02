"""Where a sampler's examples come from: anything of a length that returns the examples of some rows."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array
from keras_similarity.core.rows import count_rows, map_rows

__all__ = ["ArrayRows", "LoadedRows", "ParallelRows", "RowSource", "join_parts", "stack_examples"]


class RowSource(Protocol):
    """What every sampler draws from."""

    def __len__(self) -> int:
        """Return how many examples there are."""
        ...

    def take(self, rows: NDArray[np.integer]) -> Any:
        """Return the examples of some rows as arrays `(b, …)`, in the structure that the model takes."""
        ...


class ArrayRows:
    """Examples in memory.

    Args:
        x: An array `(n, …)`, or a dict, list or tuple of such arrays.
    """

    def __init__(self, x: Any) -> None:
        self.x = x

    def __len__(self) -> int:
        return count_rows(self.x)

    def take(self, rows: NDArray[np.integer]) -> Any:
        """Return a copy of some rows."""
        return map_rows(lambda part: _gather(part, rows), self.x)


class LoadedRows:
    """Examples that a function makes, one at a time, of what stands for them: paths, records, row numbers.

    Args:
        items: One a row.
        load: Called with an item, returns its example.
    """

    def __init__(self, items: Sequence[Any] | NDArray[Any], load: Callable[[Any], Any]) -> None:
        self.items = items
        self.load = load

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: NDArray[np.integer]) -> Any:
        """Load some rows, one after another."""
        return stack_examples([self.load(self.items[row]) for row in rows.tolist()], lambda at: self.items[rows[at]])


class ParallelRows:
    """Another source, whose rows are fetched by several threads or processes at once.

    Args:
        source: Where they come from; for processes, it must be possible to pickle it.
        workers: How many.
        processes: Whether they are processes: for functions that hold Python's lock.
    """

    def __init__(self, source: RowSource, workers: int, processes: bool) -> None:
        self.source = source
        self.workers = workers
        self.processes = processes
        self._pool: Executor | None = None

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.integer]) -> Any:
        """Return some rows, each worker's share after the one before."""
        if self._pool is None:
            # Not forked: a copy of a process whose framework has threads can stand still for ever.
            self._pool = (
                ProcessPoolExecutor(self.workers, get_context("spawn"), _adopt, (self.source,))
                if self.processes
                else ThreadPoolExecutor(self.workers)
            )
        shares = [share for share in np.array_split(rows, self.workers) if len(share)]
        fetch = _fetch if self.processes else self.source.take
        return join_parts(list(self._pool.map(fetch, shares)))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pool": None}


_adopted: list[RowSource] = []  # in a worker process: the source it fetches from


def _adopt(source: RowSource) -> None:
    _adopted[:] = [source]


def _fetch(rows: NDArray[np.integer]) -> Any:
    return _adopted[0].take(rows)


def stack_examples(examples: list[Any], name: Callable[[int], Any]) -> Any:
    """Return examples as arrays `(b, …)`.

    Args:
        examples: Arrays of one shape, or dicts, lists or tuples of such arrays.
        name: What an example is called, by its place, for the message.

    Raises:
        ValueError: two examples of different shapes.
    """
    first = examples[0]
    if isinstance(first, dict):
        return {key: stack_examples([example[key] for example in examples], name) for key in first}
    if isinstance(first, list | tuple):
        return tuple(stack_examples([example[part] for example in examples], name) for part in range(len(first)))
    arrays = [as_array(example) for example in examples]
    for place, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"a batch needs examples of one shape: {name(0)!s:.200} has {arrays[0].shape}, "
                f"{name(place)!s:.200} has {array.shape}.\n"
                "  Pass `target_size=(height, width)`, or a `load_example_fn` that brings them to one shape."
            )
    return np.stack(arrays)


def _gather(part: NDArray[Any], rows: NDArray[np.integer]) -> NDArray[Any]:
    # `take` is the faster one, but would first copy the whole of an array that is not contiguous.
    return part.take(rows, axis=0) if part.flags.c_contiguous else part[rows]


def join_parts(parts: list[Any]) -> Any:
    """Return arrays one after another, in the structure of each part."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: np.concatenate([part[key] for part in parts]) for key in first}
    if isinstance(first, list | tuple):
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))
    return np.concatenate(parts)
