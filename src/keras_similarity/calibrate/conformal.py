"""Prediction sets: the labels that a query may have, so that its own is among them as often as promised."""

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from keras_similarity.core.labels import NO_LABEL
from keras_similarity.core.results import SearchResult
from keras_similarity.evaluate import LabeledQueries, get_matcher, label_votes

__all__ = ["ConformalSets", "fit_conformal"]

MATCHER = "match_distance_weighted"  # its shares gave the smallest sets on real data, of ten scores tried


@dataclass(frozen=True)
class ConformalSets:
    """Every label whose share of the neighbours' distance-weighted votes is large enough.

    Over queries of known classes, drawn as those of the calibration were, the true label is in the set with a chance of
    at least `coverage`, whatever the embedding is like. A query of an unknown class has no label to find: let a
    cutpoint reject it.

    Args:
        coverage: What is promised.
        share: The smallest share that makes a member.
        k: How many neighbours vote; sets must be made from as many.
        queries: How many known queries it was fitted on.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [5.0]], ["a", "b", "c"])
        >>> sets = ConformalSets(coverage=0.9, share=0.3, k=3, queries=100)
        >>> sets.sets(index.search([[0.4], [5.0]], k=3))  # between two classes, and at one
        [('a', 'b'), ('c',)]

    References:
        Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, 2005: split (inductive) conformal prediction.
        Sadinle, Lei & Wasserman, Least ambiguous set-valued classifiers with bounded error levels, 2019.
    """

    coverage: float
    share: float
    k: int
    queries: int

    def sets(self, result: SearchResult) -> list[tuple[Hashable, ...]]:
        """Return the set of each query, the label with the largest share first.

        Raises:
            ValueError: another number of neighbours than in the calibration.
        """
        if result.ids.shape[1] != self.k:
            raise ValueError(
                f"`result` needs the {self.k} neighbours a query that the calibration had: got {result.ids.shape[1]}.\n"
                f"  Search with k={self.k}."
            )
        codes, shares, vocabulary = label_votes(result, get_matcher(MATCHER))
        rows, columns = np.nonzero((shares >= self.share) & (codes != NO_LABEL))
        _, first = np.unique(rows * (len(vocabulary) + 1) + codes[rows, columns], return_index=True)
        order = first[np.lexsort((columns[first], -shares[rows[first], columns[first]], rows[first]))]
        found: list[list[Hashable]] = [[] for _ in range(len(codes))]
        for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
            found[row].append(vocabulary.labels[codes[row, column]])
        return [tuple(labels) for labels in found]


def fit_conformal(found: LabeledQueries, coverage: float) -> ConformalSets:
    """Find the smallest share of votes at which sets cover as promised.

    Args:
        found: Neighbours and true labels; only known queries count.
        coverage: Between 0 and 1.

    Raises:
        ValueError: coverage outside (0, 1), or more than can be reached: the true label must be among the neighbours'
            labels, and n queries can promise n / (n + 1) at most. The message says how much can be.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"`coverage` must lie between 0 and 1: got {coverage!r}.\n  Pass 0.95, for example.")
    k = found.result.ids.shape[1]
    codes, shares, vocabulary = label_votes(found.result, get_matcher(MATCHER))
    true = vocabulary.find(found.labels)
    of_true = np.where((codes == true[:, None]) & (codes != NO_LABEL), shares, 0.0).max(axis=1)[found.known]
    count = len(of_true)
    needed = math.ceil((count + 1) * coverage - 1e-9)
    within_reach = int((of_true > 0).sum())
    if needed > within_reach:
        raise ValueError(
            f"`coverage` of {coverage:g} is out of reach: with k={k} and {count} queries of known classes, "
            f"{within_reach / (count + 1):.4f} is the best.\n"
            "  Ask for at most that, or calibrate with a larger k or more queries."
        )
    return ConformalSets(coverage, float(np.sort(of_true)[count - needed]), k, count)
