"""Matchers: how much each neighbour's vote weighs when neighbours decide on a label."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice

__all__ = ["Matcher", "get_matcher", "matcher_names"]

Codes = NDArray[np.int32]
Distances = NDArray[np.float32]
Weights = NDArray[np.floating]


@dataclass(frozen=True)
class Matcher:
    """A named way to weigh the votes of neighbours; the label with the most weight is decided on.

    Args:
        name: What users write; a function of their own has its own name.
        weigh: Label codes and distances of the neighbours, `(q, k)` each, nearest first -> the weight of each vote,
            `(q, k)`, ≥ 0. A missing neighbour has distance +inf; its vote, and that of an item without a label (code
            -1), never counts.
        nearest_only: Whether only the nearest neighbour ever counts, so that any k decides alike.
        custom: Whether it is a user's function, which a file cannot keep.

    Example:
        >>> inverse = Matcher("inverse", lambda codes, distances: 1 / (distances + 0.5))
        >>> inverse.weigh(np.array([[0, 1]]), np.array([[0.0, 1.5]])).tolist()
        [[2.0, 0.5]]
    """

    name: str
    weigh: Callable[[Codes, Distances], Weights]
    nearest_only: bool = False
    custom: bool = False


def _nearest(_: Codes, distances: Distances) -> Weights:
    return (np.arange(distances.shape[1]) == 0) * np.ones((len(distances), 1))


def _majority(_: Codes, distances: Distances) -> Weights:
    return np.ones(distances.shape)


def _distance_weighted(_: Codes, distances: Distances) -> Weights:
    """1 for the nearest, 0 for the farthest, linear between; 1 for all where all are equally far."""
    present = np.isfinite(distances)
    wide = np.where(present, distances, -np.inf).astype(np.float64)
    farthest = wide.max(axis=1, keepdims=True, initial=-np.inf)
    nearest = np.where(present, distances, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = (farthest - wide) / (farthest - nearest)
    return np.where(present, np.where(farthest > nearest, weights, 1.0), 0.0)


_MATCHERS = {
    matcher.name: matcher
    for matcher in (
        Matcher("match_nearest", _nearest, nearest_only=True),
        Matcher("match_majority_vote", _majority),
        Matcher("match_distance_weighted", _distance_weighted),
    )
}


def matcher_names() -> list[str]:
    """Return the names of the matchers, sorted.

    Example:
        >>> matcher_names()
        ['match_distance_weighted', 'match_majority_vote', 'match_nearest']
    """
    return sorted(_MATCHERS)


def get_matcher(matcher: Any) -> Matcher:
    """Find a matcher.

    Args:
        matcher: A `Matcher`, which is returned as it is; a function that weighs votes, see `Matcher`; or a name:
            "match_nearest"             the nearest neighbour decides
            "match_majority_vote"       the label that most neighbours have; of equally many, that of the nearest
            "match_distance_weighted"   a vote weighs 1 for the nearest neighbour, 0 for the farthest, linear between
            The prefix may be left out.

    Raises:
        ValueError: no matcher has this name.

    Example:
        >>> get_matcher("distance_weighted").weigh(np.array([[0, 1, 1]]), np.array([[1.0, 2.0, 3.0]])).tolist()
        [[1.0, 0.5, 0.0]]

    References:
        Dudani, The distance-weighted k-nearest-neighbor rule, 1976.
    """
    if isinstance(matcher, Matcher):
        return matcher
    if callable(matcher):
        weigh: Callable[[Codes, Distances], Any] = matcher
        return Matcher(getattr(matcher, "__name__", type(matcher).__name__), weigh, custom=True)
    name = str(matcher)
    name = name if name.startswith("match_") else f"match_{name}"
    check_choice(name, _MATCHERS, name="matcher")
    return _MATCHERS[name]
