"""A loss over a big batch, some anchors at a time: the (b, n) matrices of pairs never exist whole."""

import copy
from typing import Any

from keras import ops

from keras_similarity.losses.comparison import Anchors, Comparison, known_counts
from keras_similarity.ops import in_chunks, pair_masks, places_among, prepared_rows, sum_in_one_pass

__all__ = ["compare_in_chunks", "loss_in_one_pass"]

Tensor = Any


def compare_in_chunks(loss: Any, anchors: Anchors, size: int) -> Comparison:
    """Compare `size` anchors at a time; what is forgotten is computed anew for the gradient."""
    loss, anchors = _prepared(loss, anchors)
    counts = known_counts(anchors) or ()
    per_row, shared = _as_floats(anchors, counts)

    def chunk(*arguments: Tensor) -> tuple[Tensor, ...]:
        compared = _compared(loss, anchors, arguments, len(counts))
        kind = compared.values.dtype
        return compared.values, ops.cast(compared.contributing, kind), ops.cast(compared.pairs, kind)

    values, contributing, pairs = in_chunks(chunk, per_row, shared, size)
    return Comparison(values, contributing > 0, pairs)


def loss_in_one_pass(loss: Any, anchors: Anchors, size: int, counts: tuple[Tensor, Tensor], shares: Tensor) -> Tensor:
    """Return Σ shares · values, its gradient computed with it: nothing is computed twice.

    Args:
        loss: A `MetricLoss` without a miner.
        anchors: A batch whose numbers of pairs follow from its labels.
        size: Anchors that are compared at a time.
        counts: How many positives and negatives each anchor has.
        shares: What each anchor's value counts, `(b,)`; no gradient goes there.
    """
    loss, anchors = _prepared(loss, anchors)
    per_row, shared = _as_floats(anchors, (*counts, shares))

    def chunk(*arguments: Tensor) -> Tensor:
        place = len(arguments) - len(shared) - 1
        compared = _compared(loss, anchors, arguments[:place] + arguments[place + 1 :], len(counts))
        return ops.sum(compared.values * arguments[place])

    return sum_in_one_pass(chunk, per_row, shared, size)


def _prepared(loss: Any, anchors: Anchors) -> tuple[Any, Anchors]:
    """Do once what would be done to the keys for each chunk of anchors; the loss then has the distance of such rows.

    Not for a loss that looks at the rows themselves.
    """
    if loss.reads_rows():
        return loss, anchors
    prepared = copy.copy(loss)
    prepared.distance, (rows, keys) = prepared_rows(loss.distance, anchors.rows, anchors.keys)
    return prepared, anchors._replace(rows=rows, keys=keys)


def _as_floats(anchors: Anchors, more: tuple[Tensor, ...]) -> tuple[list[Tensor], list[Tensor]]:
    """Return what goes with each anchor, and what all of them are compared with.

    As floats, since only those can be handed to what has a gradient of its own: a class's first place among the
    sorted codes is small enough to be exact.
    """
    rows, codes, keys, key_codes, among_keys, present = anchors
    ascending = ops.sort(key_codes if among_keys else ops.concatenate([codes, key_codes]))
    classes, key_classes = (places_among(ascending, part) for part in (codes, key_codes))
    per_row = [rows, classes, ops.arange(ops.shape(rows)[0]), *more]
    shared = [keys, key_classes] + ([] if present is None else [present])
    return [ops.cast(part, rows.dtype) for part in per_row], [ops.cast(part, rows.dtype) for part in shared]


def _compared(loss: Any, anchors: Anchors, arguments: tuple[Tensor, ...], counted: int) -> Comparison:
    """Compare the anchors of one chunk, given as `_as_floats` gives them."""
    rows, classes, numbers, *more = arguments
    counts, (keys, key_classes, *present) = more[:counted], more[counted:]
    itself = ops.cast(numbers, "int32") if anchors.among_keys else None
    positives, negatives = pair_masks(classes, key_classes, itself=itself)
    if present:
        there = present[0][None] > 0
        positives, negatives = ops.logical_and(positives, there), ops.logical_and(negatives, there)
    return loss.compare(rows, keys, positives, negatives, tuple(counts) or None)
