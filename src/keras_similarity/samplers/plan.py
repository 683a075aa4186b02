"""Which examples make up which batch: a pure function of (seed, epoch), in NumPy.

An epoch is cut into slots: one class, `examples_per_class` of its examples. The slots are dealt out to batches of
distinct classes (`dealing`), and each class's examples fill its slots in a random order.
"""

import math

import numpy as np
from numpy.typing import NDArray

from keras_similarity.samplers.dealing import deal

__all__ = ["ClassRows", "epoch_batches", "family_batches", "steps_for_families", "steps_to_cover"]

Ints = NDArray[np.int64]


class ClassRows:
    """The rows of each class, class after class.

    Args:
        codes: The class of each row, `(n,)`, from 0 to c − 1, each of them there.
    """

    def __init__(self, codes: NDArray[np.integer]) -> None:
        narrow = codes.astype(np.uint16) if len(codes) and codes.max() < 2**16 else codes  # two bytes: sorted by radix
        self.rows: Ints = np.argsort(narrow, kind="stable")
        self.sizes: Ints = np.bincount(codes).astype(np.int64)
        self.starts: Ints = np.cumsum(self.sizes) - self.sizes
        self._codes = np.repeat(np.arange(len(self.sizes), dtype=np.float64), self.sizes)

    def fill(self, classes: Ints, examples_per_class: int, rng: np.random.Generator) -> Ints:
        """Return rows `(slots, K)` for slots of the given classes `(slots,)`, in the order they are shown.

        No row is there twice before every other one of its class.
        """
        shuffled = self.rows[np.argsort(self._codes + rng.random(len(self._codes)))]
        order = np.argsort(classes, kind="stable")
        counts = np.bincount(classes, minlength=len(self.sizes))
        rank = np.empty(len(classes), np.int64)  # how many slots of its class come before
        rank[order] = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = rank[:, None] * examples_per_class + np.arange(examples_per_class)
        return shuffled[self.starts[classes][:, None] + place % self.sizes[classes][:, None]]


def steps_to_cover(class_sizes: Ints, classes_per_batch: int, examples_per_class: int) -> int:
    """Return the fewest batches that show every example once.

    Args:
        class_sizes: Examples of each class, `(c,)`, each ≥ 1.
        classes_per_batch: Distinct classes of a batch, ≤ c.
        examples_per_class: Examples of each of them.
    """
    slots = _slots(class_sizes, examples_per_class)
    return max(math.ceil(int(slots.sum()) / classes_per_batch), int(slots.max()))


def epoch_batches(
    rows: ClassRows, *, classes_per_batch: int, examples_per_class: int, steps: int, seed: tuple[int, ...]
) -> Ints:
    """Return the rows of every batch of one epoch.

    Args:
        rows: The rows of each class.
        classes_per_batch: P, distinct classes of a batch.
        examples_per_class: K, examples of each of them.
        steps: Batches of the epoch. With `steps_to_cover` or more, every example is there; with fewer, a random part.
        seed: Anything that differs from epoch to epoch.

    Returns:
        Rows `(steps, P * K)`, the K of a class side by side. No example is there twice before every other one of
        its class, so a class of fewer than K examples repeats them within a batch.
    """
    rng = np.random.default_rng(seed)
    counts = share_slots(_slots(rows.sizes, examples_per_class), classes_per_batch, steps, rng)
    classes = deal(counts, classes_per_batch, steps, rng)
    return rows.fill(classes.ravel(), examples_per_class, rng).reshape(steps, -1)


def steps_for_families(rows: ClassRows, families: Ints, families_per_batch: int, classes_each: int, k: int) -> int:
    """Return how many batches of `family_batches` show every example once."""
    groups = _groups(_slots(rows.sizes, k), families, classes_each)
    return max(math.ceil(int(groups.sum()) / families_per_batch), int(groups.max()))


def family_batches(
    rows: ClassRows,
    families: Ints,
    *,
    families_per_batch: int,
    classes_each: int,
    examples_per_class: int,
    steps: int,
    seed: tuple[int, ...],
) -> Ints:
    """Return the rows of every batch of one epoch, whose classes come from a few families.

    Args:
        rows: The rows of each class.
        families: The family of each class, `(c,)`, from 0.
        families_per_batch: Distinct families of a batch.
        classes_each: Classes of each of them; a family that has fewer shows them again, with other examples.
        examples_per_class: K.
        steps: Batches of the epoch.
        seed: Anything that differs from epoch to epoch.

    Returns:
        Rows `(steps, families_per_batch * classes_each * K)`, those of a family side by side.
    """
    rng = np.random.default_rng(seed)
    needed = _slots(rows.sizes, examples_per_class)
    counts = share_slots(_groups(needed, families, classes_each), families_per_batch, steps, rng)
    dealt = deal(counts, families_per_batch, steps, rng)
    classes = np.empty((steps * families_per_batch, classes_each), np.int64)
    for family in np.flatnonzero(counts):  # a short epoch may leave some out
        groups = int(counts[family])
        members = np.flatnonzero(families == family)
        width = min(classes_each, len(members))
        inside = deal(share_slots(needed[members], width, groups, rng), width, groups, rng)
        classes[dealt.ravel() == family] = members[inside][:, np.arange(classes_each) % width]
    return rows.fill(classes.ravel(), examples_per_class, rng).reshape(steps, -1)


def share_slots(needed: Ints, per_batch: int, steps: int, rng: np.random.Generator) -> Ints:
    """Split an epoch's slots over the classes, at most one per batch each.

    Classes get what they need, or in a short epoch their share of it; what is left goes around at random.
    """
    total = steps * per_batch
    counts = needed
    if needed.sum() > total or needed.max() > steps:
        counts = np.minimum(needed * total // needed.sum(), steps)
    counts = counts.copy()
    while (spare := total - int(counts.sum())) > 0:
        room = rng.permutation(np.flatnonzero(counts < steps))
        if spare < len(room):
            counts[room[:spare]] += 1
        else:
            counts[room] = np.minimum(counts[room] + spare // len(room), steps)
    return counts


def _slots(class_sizes: Ints, examples_per_class: int) -> Ints:
    return -(-class_sizes // examples_per_class)


def _groups(needed: Ints, families: Ints, classes_each: int) -> Ints:
    """Return how many groups of distinct classes each family needs to show all of its slots."""
    most = np.zeros(int(families.max()) + 1, np.int64)
    np.maximum.at(most, families, needed)
    width = np.minimum(classes_each, np.bincount(families))
    sums = np.bincount(families, weights=needed).astype(np.int64)
    return np.maximum(most, -(-sums // width))
