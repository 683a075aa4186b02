"""Dealing classes out to batches: each class as often as it should, never twice in a batch, in random company."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["deal"]

TRADES = 3  # rounds in which pairs of batches exchange classes

Ints = NDArray[np.int64]


def deal(counts: Ints, per_batch: int, steps: int, rng: np.random.Generator) -> Ints:
    """Return the classes of every batch, `(steps, per_batch)`, distinct within a batch.

    The slots are laid out class after class and cut into `per_batch` laps of one slot a batch. A class spans at most
    two laps, so that each lap meets the batches in a random order of its own but for the one class it shares with the
    lap before. Then random pairs of batches trade, so that classes of one lap meet too.

    Args:
        counts: In how many batches each class is, `(c,)`, each ≤ steps, `per_batch * steps` in all.
        per_batch: Classes of a batch.
        steps: Batches.
        rng: Where chance comes from.

    Cost: O(per_batch · steps · log per_batch) time, in whole-array operations.

    References:
        Strona et al., A fast and unbiased procedure to randomize ecological binary matrices with fixed row and column
        totals, 2014 (the trades).
    """
    order = rng.permutation(len(counts))
    laps = np.repeat(order, counts[order]).reshape(per_batch, steps)
    dealt = np.empty((steps, per_batch), np.int64)
    for lap in range(per_batch):
        batches = rng.permutation(steps)
        shared = laps[lap, 0]
        if lap and laps[lap - 1, -1] == shared:
            free = batches[dealt[batches, lap - 1] != shared][: np.count_nonzero(laps[lap] == shared)]
            rest = np.ones(steps, bool)
            rest[free] = False
            batches = np.concatenate([free, rng.permutation(np.flatnonzero(rest))])
        dealt[batches, lap] = laps[lap]
    if len(counts) > per_batch:
        for _ in range(TRADES):
            _trade(dealt, rng)
    return rng.permuted(dealt, axis=1) if per_batch > 1 else dealt


def _trade(dealt: Ints, rng: np.random.Generator) -> None:
    """Let random pairs of batches share out anew the classes that only one of them has."""
    steps, width = dealt.shape
    pairs = rng.permutation(steps)[: steps // 2 * 2].reshape(-1, 2)
    both = np.sort(dealt[pairs].reshape(-1, 2 * width), axis=1)
    keys = rng.random(both.shape)
    twice = both[:, 1:] == both[:, :-1]
    keys[:, :-1][twice] = -1.0  # one copy for the first batch,
    keys[:, 1:][twice] = 2.0  # the other for the second
    dealt[pairs] = np.take_along_axis(both, np.argsort(keys, axis=1), axis=1).reshape(-1, 2, width)
