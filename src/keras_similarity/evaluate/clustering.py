"""How well clusters agree with labels: information that both share, and pairs that both put together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_choice, check_same_length
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.evaluate.k_means import kmeans

__all__ = ["compare_clusters", "evaluate_clustering"]

DEFAULT_METRICS = ("nmi", "ami", "ari", "v_measure")
BLOCK_CELLS = 2**20  # of expected counts in one go: some 50 MB

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


def evaluate_clustering(
    embeddings: Any,
    labels: Any,
    clusters: int | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    seed: int = 0,
) -> dict[str, float]:
    """Cluster embeddings by k-means and compare the clusters with the labels.

    Args:
        embeddings: Rows `(n, d)`; for cosine distance, of unit length.
        labels: Their labels, `(n,)`.
        clusters: How many; None for as many as there are labels.
        metrics: See `compare_clusters`.
        seed: Makes it repeatable.

    Raises:
        ValueError: shapes that do not fit, no rows, an unknown metric, more clusters than rows.

    Cost: see `kmeans`.

    Example:
        >>> evaluate_clustering([[0.0], [0.1], [5.0], [5.2]], ["a", "a", "b", "b"], metrics=["nmi"])
        {'nmi': 1.0}
    """
    rows, codes = as_vectors(embeddings, name="embeddings"), _codes(labels, "labels")
    check_same_length(len(rows), codes, name="labels", what="embeddings")
    _check_metrics(metrics)
    found = kmeans(rows, len(np.unique(codes)) if clusters is None else clusters, seed=seed)
    return compare_clusters(codes, found, metrics)


def compare_clusters(labels: Any, clusters: Any, metrics: Sequence[str] = DEFAULT_METRICS) -> dict[str, float]:
    """Compare two ways to group the same items.

    Definition, with H the entropy of a grouping and I the mutual information of both:
        homogeneity   I / H(labels); 1 where a cluster holds one label only
        completeness  I / H(clusters); 1 where a label lies in one cluster only
        nmi           2 I / (H(labels) + H(clusters)), the same as v_measure
        ami           (I − E[I]) / (½ (H(labels) + H(clusters)) − E[I]), E[I] what groups of these sizes share by chance
        ari           the Rand index of pairs, corrected for chance in the same way

    Args:
        labels: One per item, `(n,)`, n ≥ 1.
        clusters: One per item, any hashable values, `(n,)`.
        metrics: Of those above.

    Returns:
        Each name with its value: in [0, 1], but for "ami" and "ari", which are at most 1 and about 0 by chance. Where
        both groupings are one group, or both put every item alone, they agree, and every value is 1.

    Raises:
        ValueError: different lengths, no items, an unknown metric.

    Cost: O(n + cells) time for a table of labels by clusters; "ami" O(n · (labels + clusters)).

    Example:
        >>> found = compare_clusters(["a", "a", "b", "b"], [1, 1, 0, 2], ["homogeneity", "ari"])
        >>> {name: round(value, 3) for name, value in found.items()}
        {'homogeneity': 1.0, 'ari': 0.571}

    References:
        V-measure: Rosenberg & Hirschberg, 2007. AMI: Vinh, Epps & Bailey, 2010, JMLR 11, equation 24a.
        ARI: Hubert & Arabie, Comparing partitions, 1985.
    """
    ours, theirs = _codes(labels, "labels"), _codes(clusters, "clusters")
    check_same_length(len(ours), theirs, name="clusters", what="labels")
    _check_metrics(metrics)
    table = _Table.of(ours, theirs)
    return {name: _METRICS[name](table) for name in metrics}


@dataclass(frozen=True)
class _Table:
    """How many items each label and each cluster has, and how many each pair of them, where there are any."""

    labels: Whole
    clusters: Whole
    cells: Whole
    of_label: NDArray[np.intp]
    of_cluster: NDArray[np.intp]

    @classmethod
    def of(cls, labels: NDArray[np.int32], clusters: NDArray[np.int32]) -> "_Table":
        _, ours = np.unique(labels, return_inverse=True)
        _, theirs = np.unique(clusters, return_inverse=True)
        width = int(theirs.max()) + 1
        pairs, cells = np.unique(ours * width + theirs, return_counts=True)
        return cls(np.bincount(ours), np.bincount(theirs), cells, pairs // width, pairs % width)

    @property
    def trivial(self) -> bool:
        """Whether both are one group, or both put every item alone."""
        sizes = {len(self.labels), len(self.clusters)}
        return sizes == {1} or sizes == {int(self.cells.sum())}

    def information(self) -> float:
        total = self.cells.sum()
        outer = self.labels[self.of_label] * self.clusters[self.of_cluster]
        return max(0.0, float((self.cells / total * np.log(self.cells * total / outer)).sum()))


def _entropy(counts: Whole) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _share(table: _Table, counts: Whole) -> float:
    """Return the fraction of a grouping's entropy that the other tells; one group has none, which is told in full."""
    return 1.0 if len(counts) == 1 else table.information() / _entropy(counts)


def _v_measure(table: _Table) -> float:
    entropies = _entropy(table.labels) + _entropy(table.clusters)
    return 1.0 if table.trivial or entropies == 0 else 2 * table.information() / entropies


def _adjusted_information(table: _Table) -> float:
    if table.trivial:
        return 1.0
    chance = _expected_information(table.labels, table.clusters)
    mean = (_entropy(table.labels) + _entropy(table.clusters)) / 2
    return (table.information() - chance) / _away_from_zero(mean - chance)


def _away_from_zero(value: float) -> float:
    """Return `value`, or the smallest number that can divide: groupings that chance alone explains score about 0."""
    return math.copysign(max(abs(value), float(np.finfo(np.float64).eps)), value)


def _expected_information(labels: Whole, clusters: Whole) -> float:
    """Return the mutual information that groups of these sizes have on average, over all ways to place the items."""
    total = int(labels.sum())
    log_factorial = np.fromiter(map(math.lgamma, range(1, total + 2)), np.float64, total + 1)
    ours, our_times = np.unique(labels, return_counts=True)
    theirs, their_times = np.unique(clusters, return_counts=True)
    expected = 0.0
    for size, times in zip(ours.tolist(), our_times.tolist(), strict=True):
        step = max(1, BLOCK_CELLS // size)
        for start in range(0, len(theirs), step):
            others = theirs[start : start + step, None]
            # How many items both share: at least so many that the rest fits beside, at most the smaller group.
            common = np.arange(1, size + 1)[None, :]
            rows, columns = np.nonzero((common <= others) & (common >= size + others - total))
            common, others = common[0, columns], others[rows, 0]
            log_chance = (
                log_factorial[size] + log_factorial[others] + log_factorial[total - size]
                + log_factorial[total - others] - log_factorial[total] - log_factorial[common]
                - log_factorial[size - common] - log_factorial[others - common]
                - log_factorial[total - size - others + common]
            )  # fmt: skip
            worth = common / total * np.log(total * common / (size * others)) * np.exp(log_chance)
            expected += times * float((worth * their_times[start + rows]).sum())
    return expected


def _adjusted_rand(table: _Table) -> float:
    if table.trivial:
        return 1.0
    both, ours, theirs = (_pairs(counts) for counts in (table.cells, table.labels, table.clusters))
    everything = _pairs(table.cells.sum(keepdims=True))
    chance = ours * theirs / everything
    return (both - chance) / ((ours + theirs) / 2 - chance)


def _pairs(counts: Whole) -> float:
    return float((counts.astype(np.float64) * (counts - 1) / 2).sum())


def _codes(values: Any, name: str) -> NDArray[np.int32]:
    codes = LabelVocabulary().encode(values)
    if len(codes) == 0 or (codes < 0).any():
        raise ValueError(
            f"`{name}` needs at least one item, and a value for each: got {len(codes)}, "
            f"{(codes < 0).sum()} of them None.\n  Leave out the items without a label."
        )
    return codes


def _check_metrics(metrics: Sequence[str]) -> None:
    for name in metrics:
        check_choice(name, _METRICS, name="metrics")


_METRICS: dict[str, Callable[[_Table], float]] = {
    "ami": _adjusted_information,
    "ari": _adjusted_rand,
    "completeness": lambda table: _share(table, table.clusters),
    "homogeneity": lambda table: _share(table, table.labels),
    "nmi": _v_measure,
    "v_measure": _v_measure,
}
