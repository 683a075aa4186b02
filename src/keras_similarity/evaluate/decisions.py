"""Neighbours decide on a label: the decision, its distance, and who voted for it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.core.results import SearchResult
from keras_similarity.evaluate.matchers import Matcher
from keras_similarity.evaluate.searching import check_no_nan

__all__ = ["Cutpoint", "Decisions", "decide", "label_votes"]

# A threshold; or what calibration says of one: its "distance", and "class_distances" where labels have their own.
Cutpoint = float | Mapping[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decisions:
    """What the neighbours of each query decided on.

    Args:
        codes: The code of the label, `(q,)`; -1 where no neighbour has one.
        distances: The mean distance of those who voted for it, by the weight of their votes, `(q,)`; +inf without.
        voters: Which neighbours voted for it, `(q, k)`.
        vocabulary: Code -> label.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.evaluate import get_matcher
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [5.0]], ["a", "a", "b"])
        >>> decisions = decide(index.search([[0.5], [9.0]], k=2), get_matcher("majority_vote"))
        >>> decisions.labels(), decisions.distances.tolist(), decisions.accepted(1.0).tolist()
        (['a', 'b'], [0.5, 4.0], [True, False])
    """

    codes: NDArray[np.int32]
    distances: NDArray[np.float32]
    voters: NDArray[np.bool_]
    vocabulary: LabelVocabulary

    def accepted(self, cutpoint: Cutpoint) -> NDArray[np.bool_]:
        """Return which decisions are near enough, `(q,)`."""
        if not isinstance(cutpoint, Mapping):
            return np.isfinite(self.distances) & (self.distances <= np.float32(cutpoint))
        limits = np.full(len(self.vocabulary) + 1, cutpoint["distance"], np.float32)
        for label, distance in cutpoint.get("class_distances", {}).items():
            code = int(self.vocabulary.find([label])[0])
            if code != NO_LABEL:
                limits[code] = distance
        return np.isfinite(self.distances) & (self.distances <= limits[self.codes])

    def labels(self) -> list[Hashable | None]:
        """Return the labels decided on, None where there is none."""
        return [None if code == NO_LABEL else self.vocabulary.labels[code] for code in self.codes.tolist()]


def decide(result: SearchResult, matcher: Matcher) -> Decisions:
    """Let the neighbours of each query decide on a label.

    Args:
        result: The neighbours `(q, k)`.
        matcher: How much each vote weighs. Of labels with equal weight, the one with the nearest neighbour wins.

    Raises:
        ValueError: a distance that is NaN, or votes of another shape, negative or not finite.

    Cost: O(q k log(q k)) time.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.evaluate import get_matcher
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [1.2]], ["a", "b", "b"])
        >>> result = index.search([[0.4]], k=3)
        >>> [decide(result, get_matcher(name)).labels() for name in ("nearest", "majority_vote")]
        [['a'], ['b']]
    """
    check_no_nan(result)
    vocabulary = LabelVocabulary()
    codes = _codes(result, vocabulary)
    weights = _checked_weights(matcher, codes, result.distances)
    totals = _totals(codes, weights)
    rows = np.arange(len(codes))
    winner = totals.argmax(axis=1)  # the first of equal ones: the nearest
    decided = np.where(totals[rows, winner] > 0, codes[rows, winner], NO_LABEL).astype(np.int32)
    voters = (codes == decided[:, None]) & (weights > 0)
    weight = np.where(voters, weights, 0.0)
    total = weight.sum(axis=1)
    near = np.where(voters, result.distances, 0.0)
    distances = np.where(total > 0, (near * weight).sum(axis=1) / np.where(total > 0, total, 1), np.inf)
    return Decisions(decided, distances.astype(np.float32), voters, vocabulary)


def label_votes(result: SearchResult, matcher: Matcher) -> tuple[NDArray[np.int32], Floats, LabelVocabulary]:
    """Return the neighbours' label codes and the share of the votes that each one's label has, `(q, k)` each.

    The shares of one label are the same at all its neighbours; 0 where a label has no vote.

    Raises:
        ValueError: see `decide`.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.evaluate import get_matcher
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "b", "b"])
        >>> codes, shares, vocabulary = label_votes(index.search([[0.0]], k=4), get_matcher("majority_vote"))
        >>> [vocabulary.labels[code] for code in codes[0]], shares.tolist()
        (['a', 'b', 'b', 'b'], [[0.25, 0.75, 0.75, 0.75]])
    """
    check_no_nan(result)
    vocabulary = LabelVocabulary()
    codes = _codes(result, vocabulary)
    weights = _checked_weights(matcher, codes, result.distances)
    total = weights.sum(axis=1, keepdims=True)
    return codes, _totals(codes, weights) / np.where(total > 0, total, 1), vocabulary


def _codes(result: SearchResult, vocabulary: LabelVocabulary) -> NDArray[np.int32]:
    """Return the labels of neighbours as codes `(q, k)`, -1 for an item without a label and a missing one."""
    labels = result.labels
    if labels.dtype == object:
        codes = vocabulary.encode(labels.ravel().tolist())
    else:
        distinct, position = np.unique(labels, return_inverse=True)
        codes = vocabulary.encode(distinct)[position.ravel()]
    return np.where(np.isfinite(result.distances), codes.reshape(labels.shape), NO_LABEL).astype(np.int32)


def _checked_weights(matcher: Matcher, codes: NDArray[np.int32], distances: NDArray[np.float32]) -> Floats:
    weights = np.asarray(matcher.weigh(codes, distances), np.float64)
    counting = codes != NO_LABEL
    if weights.shape != codes.shape or not (np.isfinite(weights) & (weights >= 0))[counting].all():
        raise ValueError(
            f"`matcher` must return a finite weight of at least 0 for each vote, shape {codes.shape}: {matcher.name!r} "
            f"returned shape {weights.shape}.\n  A vote that should not count weighs 0."
        )
    return np.where(counting, weights, 0.0)


def _totals(codes: NDArray[np.int32], weights: Floats) -> Floats:
    """Return at each neighbour the summed weight of its label among the neighbours of its query, `(q, k)`."""
    if codes.shape[1] == 1:
        return weights
    keys = np.arange(len(codes))[:, None] * (int(codes.max(initial=0)) + 2) + codes + 1
    _, position = np.unique(keys, return_inverse=True)
    sums = np.bincount(position.ravel(), weights.ravel()).astype(np.float64, copy=False)
    return sums[position].reshape(codes.shape)
