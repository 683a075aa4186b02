"""How good the neighbours are: recall@k, precision@k and MAP@R over queries whose labels are known."""

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_same_length, check_whole
from keras_similarity.core.labels import label_list
from keras_similarity.core.results import SearchResult

__all__ = ["evaluate_retrieval", "retrieval_scores"]

logger = logging.getLogger(__name__)

BLOCK_NEIGHBORS = 2**22  # neighbours looked at in one go: some 100 MB of columns
DEFAULT_METRICS = ("recall@1", "recall@5", "map@r")
Scorer = Callable[[NDArray[np.bool_], NDArray[np.int64]], Any]


class LabeledIndex(Protocol):
    """What evaluation asks of an index."""

    def search(self, queries: Any, k: int) -> SearchResult:
        """Return the k nearest items of each query."""
        ...

    def label_counts(self, labels: Any) -> NDArray[np.int64]:
        """Return how many items carry each label."""
        ...


def evaluate_retrieval(
    index: LabeledIndex, queries: Any, labels: Any, metrics: Sequence[str] = DEFAULT_METRICS
) -> dict[str, float]:
    """Search every query and average its scores.

    Args:
        index: Where to search; it must not hold the queries themselves.
        queries: Embeddings `(q, d)`, q ≥ 1.
        labels: The queries' true labels, `(q,)`.
        metrics: Names: "recall@k" (a right label among the k nearest), "precision@k" (the fraction of the k
            nearest that are right) for any k, and "map@r".

    Returns:
        Each name with its mean over the queries, in [0, 1]. A query whose label the index does not hold has no right
        answer: it is left out, and a warning is logged.

    Raises:
        ValueError: no queries, another number of labels, an unknown metric, or no query with a right answer.

    Cost: one search with k = the largest k asked for; for "map@r" the size of the largest class. Streamed in
        blocks of queries.

    References:
        MAP@R: Musgrave et al., A Metric Learning Reality Check, 2020, arXiv:2003.08505, section 3.2.
    """
    rows = as_vectors(queries, name="queries")
    true_labels = label_list(labels)
    check_same_length(len(rows), true_labels, name="labels", what="queries")
    scorers = {name: _scorer(name) for name in metrics}
    relevant = index.label_counts(true_labels)
    answerable = np.flatnonzero(relevant)
    if len(answerable) == 0:
        raise ValueError(
            f"`labels` needs labels that the index holds: none of the {len(rows)} queries has one.\n"
            "  Index items of these classes first."
        )
    if len(answerable) < len(rows):
        logger.warning("left out %d queries whose label the index does not hold", len(rows) - len(answerable))
    k = max(_depth(name, int(relevant.max())) for name in metrics)
    table = np.empty(len(rows), object)
    table[:] = true_labels
    totals = dict.fromkeys(scorers, 0.0)
    step = max(1, BLOCK_NEIGHBORS // k)
    for start in range(0, len(answerable), step):
        part = answerable[start : start + step]
        result = index.search(rows[part], k)
        right = result.labels == table[part][:, None]  # a missing neighbour's label is None, which no query's is
        for name, score in scorers.items():
            totals[name] += float(score(right.astype(bool), relevant[part]).sum())
    return {name: total / len(answerable) for name, total in totals.items()}


def retrieval_scores(right: NDArray[np.bool_], relevant: NDArray[np.int64], metric: str) -> NDArray[Any]:
    """Score each query.

    Args:
        right: Whether the neighbour at each rank has the query's label, `(q, k)`, nearest first.
        relevant: How many items of the index have it, `(q,)`, each ≥ 1.
        metric: "recall@k", "precision@k" or "map@r"; k at least as large as the metric needs.

    Returns:
        `(q,)`, each in [0, 1].

    Example:
        >>> right = np.array([[True, False, True]])
        >>> retrieval_scores(right, np.array([2]), "precision@3").round(3).tolist()
        [0.667]
    """
    return _scorer(metric)(right, relevant)


def _scorer(metric: str) -> Scorer:
    if metric == "map@r":
        return _average_precision_at_r
    kind, k = _parse(metric)
    if kind == "recall":
        return lambda right, _: right[:, :k].any(axis=1).astype(np.float64)
    return lambda right, _: right[:, :k].mean(axis=1, dtype=np.float64)


def _average_precision_at_r(right: NDArray[np.bool_], relevant: NDArray[np.int64]) -> NDArray[np.float64]:
    """Precision at every rank that is right, summed over the first R ranks, over R."""
    ranks = np.arange(1, right.shape[1] + 1)
    inside = right & (ranks <= relevant[:, None])
    precision = np.cumsum(inside, axis=1) / ranks
    return (precision * inside).sum(axis=1) / relevant


def _depth(metric: str, largest_class: int) -> int:
    return largest_class if metric == "map@r" else _parse(metric)[1]


def _parse(metric: str) -> tuple[str, int]:
    match = re.fullmatch(r"(recall|precision)@(-?\d+)", metric)
    if match is None:
        raise ValueError(
            f"`metrics` takes 'recall@k', 'precision@k' (k a number) and 'map@r': got {metric!r}.\n"
            f"  For example metrics={DEFAULT_METRICS}."
        )
    return match[1], check_whole(int(match[2]), name=f"k of {metric}", minimum=1)
