"""Which pairs are positive, which negative, as boolean matrices of fixed shape, and how many there are."""

from typing import Any

import keras
from keras import ops

__all__ = ["pair_counts", "pair_masks", "places_among", "sums_of_classes"]

Tensor = Any
MOST_HALVINGS = 31  # of the places among rows whose number is not known


def pair_masks(
    labels: Tensor, key_labels: Tensor | None = None, *, itself: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the positive and the negative pairs of each anchor.

    Args:
        labels: Class codes of the anchors, `(b,)`, of a type that holds them exactly.
        key_labels: Class codes of what they are compared with, `(n,)`; None for the anchors themselves.
        itself: The number `(b,)` of each anchor among the keys, which is no pair; None for anchors that are no keys
            (and, without `key_labels`, for 0, 1, 2 …).

    Returns:
        Two boolean `(b, n)`.

    Example:
        >>> positives, negatives = pair_masks(ops.array([5, 5, 8]))
        >>> ops.convert_to_numpy(positives).astype(int).tolist()
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
        >>> ops.convert_to_numpy(negatives).astype(int).tolist()
        [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
    """
    keys = labels if key_labels is None else key_labels
    same = ops.equal(labels[:, None], keys[None, :])
    if key_labels is None and itself is None:
        itself = ops.arange(ops.shape(labels)[0])
    if itself is None:
        return same, ops.logical_not(same)
    another = ops.not_equal(itself[:, None], ops.arange(ops.shape(keys)[0])[None, :])
    return ops.logical_and(same, another), ops.logical_not(same)


def pair_counts(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many positives and how many negatives each row of a batch has, two `(b,)`.

    The row sums of `pair_masks`, from sorted labels: without a pass over the (b, b) pairs.

    Example:
        >>> [ops.convert_to_numpy(counts).tolist() for counts in pair_counts(ops.array([5, 5, 8]))]
        [[1, 1, 0], [1, 1, 2]]
    """
    ascending = ops.sort(labels)
    first, last = places_among(ascending, labels), places_among(ascending, labels, behind=True)
    same = last - first
    everyone = ops.sum(ops.ones_like(same))  # a batch of unknown size has its shape in another type of integer
    return same - 1, everyone - same


def sums_of_classes(labels: Tensor, values: Tensor) -> Tensor:
    """Return for each row the sum of the values of its class, `(b,)`; from sorted labels, as `pair_counts`.

    Exact for whole values whose sum is below 2²⁴.

    Example:
        >>> sums = sums_of_classes(ops.array([7, 3, 7]), ops.array([1.0, 2.0, 4.0]))
        >>> ops.convert_to_numpy(sums).tolist()
        [5.0, 2.0, 5.0]
    """
    order = ops.argsort(labels)
    ascending = ops.take(labels, order)
    running = ops.concatenate([ops.zeros_like(values[:1]), ops.cumsum(ops.take(values, order))])
    first, last = places_among(ascending, labels), places_among(ascending, labels, behind=True)
    return ops.take(running, last) - ops.take(running, first)


def places_among(ascending: Tensor, values: Tensor, *, behind: bool = False) -> Tensor:
    """Return the place of each value among ascending ones, before its equals or behind them, `(b,)`.

    Args:
        ascending: `(n,)`.
        values: `(b,)`.
        behind: Whether the place is behind all that are equal.

    Example:
        >>> ascending, values = ops.array([1, 3, 3, 5]), ops.array([3, 4])
        >>> [ops.convert_to_numpy(places_among(ascending, values, behind=behind)).tolist() for behind in (False, True)]
        [[1, 3], [3, 3]]
    """
    if keras.backend.backend() != "tensorflow" or ascending.shape[0] == 0:
        return ops.searchsorted(ascending, values, side="right" if behind else "left")
    # XLA makes a (b, n) matrix of TensorFlow's own: halving by hand takes (b,).
    count = ops.cast(ops.shape(ascending)[0], "int32")
    low = ops.zeros_like(values, dtype="int32")
    high = low + count
    for _ in range(MOST_HALVINGS if ascending.shape[0] is None else ascending.shape[0].bit_length()):
        middle = (low + high) // 2
        found = ops.take(ascending, ops.minimum(middle, count - 1))
        onward = ops.logical_and(found <= values if behind else found < values, low < high)
        low, high = ops.where(onward, middle + 1, low), ops.where(onward, high, middle)
    return low
