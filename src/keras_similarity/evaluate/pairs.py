"""The pairs of a set of items: all of them where they are few, a fair sample where they are many."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_same_length, check_whole
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.core.labels import LabelVocabulary

__all__ = ["DistanceHistogram", "PairDistances", "distance_histogram", "pair_distances"]

BLOCK_NUMBERS = 2**21  # of float64 rows in one go: some 50 MB

Floats = NDArray[np.float32]


class PairDistances(NamedTuple):
    """Distances `(m,)` of pairs of one label, and `(m',)` of pairs of two labels.

    Example:
        >>> pairs = pair_distances([[0.0], [1.0], [5.0]], ["a", "a", "b"], distance="euclidean")
        >>> bool(pairs.positives.max() < pairs.negatives.min())  # a threshold between them makes no mistake
        True
    """

    positives: Floats
    negatives: Floats


def pair_distances(
    embeddings: Any,
    labels: Any,
    *,
    distance: str | Distance = "cosine",
    max_pairs: int = 1_000_000,
    seed: int = 0,
) -> PairDistances:
    """Measure the distances of pairs of items.

    Args:
        embeddings: Rows `(n, d)`.
        labels: Their labels, `(n,)`; an item without one is in no pair.
        distance: Name or `Distance`.
        max_pairs: At most so many of each kind, ≥ 1. Where there are more, so many are drawn, with replacement, each
            pair as likely as any other of its kind.
        seed: Makes the draw repeatable.

    Raises:
        ValueError: no two items of one label, or no two of different ones; shapes that do not fit.

    Cost: O(max_pairs · d) time, 8 bytes a pair and some 50 MB.

    Example:
        >>> found = pair_distances([[0.0], [1.0], [5.0]], ["a", "a", "b"], distance="euclidean")
        >>> found.positives.tolist(), sorted(found.negatives.tolist())
        ([1.0], [4.0, 5.0])
    """
    measure = get_distance(distance)
    rows = as_vectors(embeddings, name="embeddings", unit_norm=measure.needs_unit_norm)
    codes = LabelVocabulary().encode(labels)
    check_same_length(len(rows), codes, name="labels", what="embeddings")
    max_pairs = check_whole(max_pairs, name="max_pairs", minimum=1)
    order = np.argsort(codes, kind="stable")[(codes < 0).sum() :]
    place = np.arange(len(order))
    ends = np.searchsorted(codes[order], codes[order], side="right")  # where each item's class ends
    # Each pair belongs to the item that stands first: later ones of its class, or those behind its class.
    kinds = {"one label": (place + 1, ends), "different labels": (ends, np.full(len(order), len(order)))}
    found: list[Floats] = []
    rng = np.random.default_rng(seed)
    for name, (starts, stops) in kinds.items():
        cumulated = np.cumsum(stops - starts)
        total = int(cumulated[-1]) if len(order) else 0
        if total == 0:
            raise ValueError(
                f"`labels` needs two items of {name}: got {len(order)} labelled items, and no such pair among them.\n"
                "  Pass items of at least two labels, and two items of one."
            )
        chosen = np.arange(total) if total <= max_pairs else np.sort(rng.integers(total, size=max_pairs))
        first = np.searchsorted(cumulated, chosen, side="right")
        second = stops[first] - (cumulated[first] - chosen)
        found.append(_measured(rows, order[first], order[second], measure))
    return PairDistances(*found)


def _measured(
    rows: NDArray[np.float32], first: NDArray[np.intp], second: NDArray[np.intp], measure: Distance
) -> Floats:
    distances = np.empty(len(first), np.float32)
    step = max(1, BLOCK_NUMBERS // rows.shape[1])
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        ours, theirs = (rows[items[part]].astype(np.float64) for items in (first, second))
        distances[part] = measure.between(ours, theirs)
    return distances


@dataclass(frozen=True, eq=False)
class DistanceHistogram:
    """How distances are spread, for pairs of one label and of two.

    Args:
        edges: Of the bins, `(bins + 1,)`.
        positives: The fraction of the pairs of one label in each bin, `(bins,)`.
        negatives: The same of the other pairs.

    Example:
        >>> pairs = PairDistances(np.array([0.0, 1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0, 6.0]))
        >>> distance_histogram(pairs, bins=6).overlap  # one of four lies where the other kind does too
        0.25
    """

    edges: NDArray[np.float64] = field(repr=False)
    positives: NDArray[np.float64] = field(repr=False)
    negatives: NDArray[np.float64] = field(repr=False)

    @property
    def overlap(self) -> float:
        """The fraction that both have in common: 0 where a threshold tells all apart, 1 where none does."""
        return float(np.minimum(self.positives, self.negatives).sum())


def distance_histogram(pairs: PairDistances, *, bins: int = 50) -> DistanceHistogram:
    """Count distances in bins of equal width, from the smallest to the largest of both kinds.

    Args:
        pairs: What `pair_distances` returned.
        bins: How many, ≥ 1. Where all distances are equal, the one bin that holds them is 1 wide.

    Raises:
        ValueError: bins below 1.

    Example:
        >>> found = distance_histogram(PairDistances(np.array([0.0, 1.0]), np.array([3.0, 4.0])), bins=2)
        >>> found.positives.tolist(), found.negatives.tolist()
        ([1.0, 0.0], [0.0, 1.0])
    """
    bins = check_whole(bins, name="bins", minimum=1)
    edges = np.histogram_bin_edges(np.concatenate(pairs).astype(np.float64), bins)
    counts = [np.histogram(distances, edges)[0] / len(distances) for distances in pairs]
    return DistanceHistogram(edges, *counts)
