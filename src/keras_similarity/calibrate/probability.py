"""From a distance to the probability that the decision is right, and how far that probability can be trusted."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ProbabilityCurve", "Reliability", "fit_probability", "measure_reliability"]

FOLDS = 5
BINS = 10

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ProbabilityCurve:
    """The probability that a decision is right, which never rises with its distance.

    Args:
        distances: Knots `(m,)`, ascending.
        probabilities: Their values `(m,)`, in [0, 1]; linear between, constant beyond.

    Example:
        >>> curve = ProbabilityCurve(np.array([0.0, 1.0]), np.array([1.0, 0.5]))
        >>> curve([0.0, 0.5, 3.0, np.inf]).tolist()
        [1.0, 0.75, 0.5, 0.0]
    """

    distances: Floats = field(repr=False)
    probabilities: Floats = field(repr=False)

    def __call__(self, distances: Any) -> Floats:
        """Return the probability at each distance; 0 at +inf, where nothing was decided."""
        wide = np.asarray(distances, np.float64)
        return np.where(np.isfinite(wide), np.interp(wide, self.distances, self.probabilities), 0.0)


@dataclass(frozen=True, eq=False)
class Reliability:
    """How probabilities compare with what happened, on queries that did not make them.

    The queries are dealt into folds; each fold is judged by a curve from the others.

    Args:
        predicted: Mean probability of each bin, `(b,)`, ascending; the bins hold equally many queries.
        observed: The fraction of each bin whose decision was right, `(b,)`.
        counts: How many queries each bin holds, `(b,)`.
        error: The expected calibration error: the mean gap between the two, over queries.
        brier: The mean squared gap between a probability and 1 for right, 0 for wrong.

    Example:
        >>> distances = np.arange(40.0)
        >>> reliability = measure_reliability(distances, distances < 20, seed=0)  # all right, then all wrong
        >>> reliability.observed[[0, -1]].tolist(), int(reliability.counts.sum()), reliability.error < 0.05
        ([0.0, 1.0], 40, True)
    """

    predicted: Floats = field(repr=False)
    observed: Floats = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    error: float
    brier: float


def fit_probability(distances: NDArray[np.floating], right: NDArray[np.bool_]) -> ProbabilityCurve:
    """Fit the falling curve with the least squared error: isotonic regression by pooling adjacent violators.

    Args:
        distances: Of decisions, `(q,)`, finite, q ≥ 1.
        right: Whether each was right, `(q,)`.

    Cost: O(q log q) time.

    Example:
        >>> curve = fit_probability(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, False]))
        >>> curve(np.array([0.0, 1.0, 2.5, 4.0, np.inf])).tolist()
        [1.0, 1.0, 0.5, 0.0, 0.0]

    References:
        Zadrozny & Elkan, Transforming classifier scores into accurate multiclass probability estimates, 2002.
    """
    places, position = np.unique(distances, return_inverse=True)
    hits = np.bincount(position, right).astype(np.int64)
    pools: list[tuple[int, int, int]] = []  # hits, queries, and the first place of each pool
    for place, (hit, count) in enumerate(zip(hits.tolist(), np.bincount(position).tolist(), strict=True)):
        first = place
        while pools and pools[-1][0] * count <= hit * pools[-1][1]:  # the pool before has no larger mean
            before_hits, before_count, first = pools.pop()
            hit, count = hit + before_hits, count + before_count
        pools.append((hit, count, first))
    firsts = np.array([first for _, _, first in pools])
    lasts = np.append(firsts[1:], len(places)) - 1
    means = np.array([hit / count for hit, count, _ in pools])
    # A pool is flat: its first and its last place are knots, one where they are the same.
    knots = np.stack([firsts, lasts], axis=1).ravel()
    kept = np.append(True, np.diff(knots) > 0)
    return ProbabilityCurve(places[knots[kept]].astype(np.float64), np.repeat(means, 2)[kept])


def measure_reliability(distances: NDArray[np.floating], right: NDArray[np.bool_], *, seed: int) -> Reliability:
    """Compare probabilities with what happened, by cross-validation in 5 folds (fewer for fewer than 5 queries).

    One query alone is judged by itself.
    """
    count = len(distances)
    folds = np.random.default_rng(seed).permutation(count) % min(FOLDS, count)
    predicted = np.empty(count)
    for fold in range(min(FOLDS, count)):
        inside = folds == fold
        others = ~inside if count > 1 else inside
        predicted[inside] = fit_probability(distances[others], right[others])(distances[inside])
    bins = np.array_split(np.argsort(predicted, kind="stable"), min(BINS, count))
    means = np.array([[predicted[rows].mean(), right[rows].mean()] for rows in bins])
    counts = np.array([len(rows) for rows in bins])
    error = float((np.abs(means[:, 0] - means[:, 1]) * counts).sum() / count)
    return Reliability(means[:, 0], means[:, 1], counts, error, float(np.square(predicted - right).mean()))
