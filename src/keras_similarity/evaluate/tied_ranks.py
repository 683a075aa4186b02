"""Ranks under ties: the mean over every order in which items at one distance could stand."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from keras_similarity.evaluate.ranks import RelevantRanks, counts_within

__all__ = ["tied_ranks"]

Floats = NDArray[np.float64]


def tied_ranks(
    distances: Sequence[NDArray[np.floating]],
    gains: Sequence[NDArray[np.floating]],
    relevant: NDArray[np.int64],
    ideal: Callable[[NDArray[np.int64]], Floats],
) -> RelevantRanks:
    """Return the ranks of relevant items where equal distances have no order.

    Args:
        distances: For each query, the distances of its nearest items, ascending; all of those at the last distance.
        gains: The gain of each of these, 0 for an irrelevant item.
        relevant, ideal: See `RelevantRanks`.

    Definition, for a group of t items at one distance, r of them relevant, behind s nearer items with c relevant ones:
        at the group's j-th place stands a relevant item with chance r / t, its expected gain is the group's mean,
        the relevant items up to there are then c + 1 + (j − 1)(r − 1) / (t − 1) on average,
        and it is the query's first with chance C(t − j, r − 1) / C(t, r) if c = 0.
    """
    query = np.repeat(np.arange(len(distances)), [len(row) for row in distances])
    flat, gain = np.concatenate(distances), np.concatenate(gains).astype(np.float64)
    new = np.ones(len(flat), bool)
    new[1:] = (flat[1:] != flat[:-1]) | (query[1:] != query[:-1])
    starts = np.flatnonzero(new)
    hits, sums = np.add.reduceat((gain > 0).astype(np.int64), starts), np.add.reduceat(gain, starts)
    size, total = np.diff(np.append(starts, len(flat))), np.concatenate([[0], np.cumsum(gain > 0)])
    held = hits > 0
    starts, hit, size, owner = starts[held], hits[held], size[held], query[starts[held]]
    opening = np.searchsorted(query, owner)  # where each group's query begins
    before = total[starts] - total[opening]
    group, place = np.repeat(np.arange(len(size)), size), counts_within(size)
    return RelevantRanks(
        owner[group],
        (starts - opening)[group] + place + 1,
        before[group] + 1 + place * (hit[group] - 1) / np.maximum(size[group] - 1, 1),
        hit[group] / size[group],
        _chances_first(before, hit, size),
        (sums[held] / size)[group],
        relevant,
        ideal,
    )


def _chances_first(before: NDArray[np.int64], hit: NDArray[np.int64], size: NDArray[np.intp]) -> Floats:
    """Return the chance that a query's first relevant item stands at each place of each group.

    It stands at place j, from 0, when the j places before it miss: Π_{i < j} (t − r − i) / (t − i), times r / (t − j).
    """
    chances = np.repeat((before == 0).astype(np.float64), size)
    ends = np.cumsum(size)
    for group in np.flatnonzero((before == 0) & (size > 1)).tolist():  # at most one for each query
        count, end = int(size[group]), int(ends[group])
        left = count - np.arange(count)
        misses = np.maximum(left - hit[group], 0) / left
        chances[end - count : end] = np.concatenate([[1.0], np.cumprod(misses)[:-1]]) * hit[group] / left
    return chances
