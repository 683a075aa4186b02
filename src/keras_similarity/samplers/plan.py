"""Which examples make up which batch: a pure function of (seed, epoch), in NumPy.

An epoch is cut into slots: one class, `examples_per_class` of its examples. Batches of `classes_per_batch` distinct
classes are filled from the slots that remain, longest-remaining classes first, which needs the fewest batches.
"""

import heapq
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["epoch_batches", "steps_to_cover"]


def steps_to_cover(class_sizes: NDArray[np.int64], classes_per_batch: int, examples_per_class: int) -> int:
    """Return the fewest batches that show every example once.

    Args:
        class_sizes: Examples of each class, `(c,)`, each ≥ 1.
        classes_per_batch: Distinct classes of a batch, ≤ c.
        examples_per_class: Examples of each of them.
    """
    slots = _slots(class_sizes, examples_per_class)
    return max(math.ceil(int(slots.sum()) / classes_per_batch), int(slots.max()))


def epoch_batches(
    class_rows: list[NDArray[np.int64]],
    *,
    classes_per_batch: int,
    examples_per_class: int,
    steps: int,
    seed: tuple[int, ...],
) -> NDArray[np.int64]:
    """Return the rows of every batch of one epoch.

    Args:
        class_rows: The rows of each class.
        classes_per_batch: P, distinct classes of a batch.
        examples_per_class: K, examples of each of them.
        steps: Batches of the epoch. With `steps_to_cover` or more, every example is there; with fewer, a random part.
        seed: Anything that differs from epoch to epoch.

    Returns:
        Rows `(steps, P * K)`, the K of a class side by side. No example is there twice before every other one of
        its class, so a class of fewer than K examples repeats them within a batch.
    """
    rng = np.random.default_rng(seed)
    sizes = np.array([len(rows) for rows in class_rows], np.int64)
    counts = _slots_per_class(sizes, classes_per_batch, examples_per_class, steps, rng)
    orders = [
        _cycled(rng.permutation(rows), count * examples_per_class)
        for rows, count in zip(class_rows, counts.tolist(), strict=True)
    ]
    classes = _schedule(counts, classes_per_batch, steps, rng)
    batches = np.empty((steps, classes_per_batch, examples_per_class), np.int64)
    used = np.zeros(len(class_rows), np.int64)
    for step, chosen in enumerate(classes):
        for position, label in enumerate(chosen):
            start = used[label] * examples_per_class
            batches[step, position] = orders[label][start : start + examples_per_class]
            used[label] += 1
    return batches.reshape(steps, -1)


def _slots(class_sizes: NDArray[np.int64], examples_per_class: int) -> NDArray[np.int64]:
    return -(-class_sizes // examples_per_class)


def _slots_per_class(
    sizes: NDArray[np.int64],
    classes_per_batch: int,
    examples_per_class: int,
    steps: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Split the epoch's slots over the classes, at most one per batch each.

    Classes get what they need, or in a short epoch their share of it; what is left goes around at random.
    """
    total = steps * classes_per_batch
    needed = _slots(sizes, examples_per_class)
    if needed.sum() > total or needed.max() > steps:
        needed = np.minimum(needed * total // needed.sum(), steps)
    while (spare := total - int(needed.sum())) > 0:
        room = rng.permutation(np.flatnonzero(needed < steps))[:spare]
        needed[room] += 1
    return needed


def _schedule(
    counts: NDArray[np.int64], classes_per_batch: int, steps: int, rng: np.random.Generator
) -> list[list[int]]:
    """Deal the slots out to batches of distinct classes, in random order."""
    ties = iter(rng.random(int(counts.sum()) + len(counts)).tolist())
    heap = [(-count, next(ties), label) for label, count in enumerate(counts.tolist()) if count]
    heapq.heapify(heap)
    batches: list[list[int]] = []
    for _ in range(steps):
        chosen = [heapq.heappop(heap) for _ in range(classes_per_batch)]
        batches.append([label for _, _, label in chosen])
        for remaining, _, label in chosen:
            if remaining < -1:
                heapq.heappush(heap, (remaining + 1, next(ties), label))
    return [batches[step] for step in rng.permutation(steps)]


def _cycled(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.resize(rows, count)
