"""Batches of rows of which no two share a key."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["distinct_batches"]

Ints = NDArray[np.int64]


def distinct_batches(keys: Ints, batch_size: int, rng: np.random.Generator) -> Ints:
    """Return as few batches `(steps, batch_size)` as are found that hold every row, none with two rows of one key.

    Rows of frequent keys go first, each into the first batch with room after the last one that has a key of its own;
    the others fill what is left. Room that remains is filled with rows shown again.

    Args:
        keys: The keys of each row, `(n, columns)`, whole numbers from 0.
        batch_size: Rows of a batch.
        rng: Where chance comes from.

    Raises:
        ValueError: no row fits a batch that is not full.
    """
    frequency = np.bincount(keys.ravel())[keys].max(axis=1)
    order = rng.permutation(len(keys))
    order = order[np.argsort(-frequency[order], kind="stable")]
    table = keys.tolist()
    batches: list[list[int]] = [[] for _ in range(-(-len(keys) // batch_size))]
    following = list(range(1, len(batches) + 1))  # by batch that is full: where to look for room next
    last: dict[int, int] = {}
    for row in order.tolist():
        batch = 1 + max(last.get(key, -1) for key in table[row])
        batch = _with_room(batch, batches, following, batch_size)
        batches[batch].append(row)
        for key in table[row]:
            last[key] = batch
    _fill(batches, table, batch_size, order[::-1].tolist())
    return rng.permutation(np.array(batches, np.int64))


def _with_room(batch: int, batches: list[list[int]], following: list[int], size: int) -> int:
    """Return the first batch from this one on that is not full, making one where there is none."""
    passed = []
    while batch < len(batches) and len(batches[batch]) == size:
        passed.append(batch)
        batch = following[batch]
    while batch >= len(batches):
        batches.append([])
        following.append(len(batches))
    for full in passed:
        following[full] = batch
    return batch


def _fill(batches: list[list[int]], table: list[list[int]], size: int, rows: list[int]) -> None:
    """Fill up batches with rows that share no key with those in them."""
    start = 0
    for batch in batches:
        taken = {key for row in batch for key in table[row]}
        for offset in range(len(rows)):
            if len(batch) == size:
                break
            row = rows[(start + offset) % len(rows)]
            if taken.isdisjoint(table[row]):
                batch.append(row)
                taken.update(table[row])
        start += size
        if len(batch) < size:
            raise ValueError(
                f"`batch_size` is {size}, and only {len(batch)} rows were found that share nothing with each other.\n"
                "  Lower it, or bring more distinct rows."
            )
