"""How often the neighbours in an index decide rightly, at thresholds that are given."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_similarity.evaluate.classification import Outcomes, get_classification_metric
from keras_similarity.evaluate.decisions import Cutpoint, decide
from keras_similarity.evaluate.labeled_queries import find_labeled
from keras_similarity.evaluate.matchers import get_matcher
from keras_similarity.evaluate.searching import LabeledIndex

__all__ = ["evaluate_classification"]

logger = logging.getLogger(__name__)

DEFAULT_METRICS = ("precision", "recall", "f1", "accuracy")


def evaluate_classification(
    index: LabeledIndex,
    queries: Any,
    labels: Any,
    cutpoints: Mapping[str, Cutpoint] | float = np.inf,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    k: int = 1,
    matcher: Any = "match_nearest",
    ids: Any = None,
) -> dict[str, dict[str, float]]:
    """Let neighbours classify queries, and tell how often they are right at each cutpoint.

    Args:
        index: Where to search.
        queries: Embeddings `(q, d)`, q ≥ 1.
        labels: Their true labels, `(q,)`. A query whose label the index does not hold, or that is None, is unknown: it
            is right to reject it.
        cutpoints: Name -> threshold, or the `cutpoints` of a calibration; one number for a single one, named
            "threshold". +inf accepts every decision.
        metrics: Names, see `get_classification_metric`.
        k: How many neighbours vote.
        matcher: How they vote, see `get_matcher`.
        ids: For queries that are items of the index: the id of each, which is left out of its own neighbours.

    Returns:
        Cutpoint -> its "distance" and the metrics. NaN where there is nothing to divide by: precision where nothing is
        accepted, recall without known queries (a warning is logged), fpr, npv and balanced accuracy without unknown
        ones.

    Raises:
        ValueError: no queries, another number of labels, an unknown metric or matcher, a NaN.

    Cost: one search, whatever the number of cutpoints.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [5.0]], ["a", "b"])
        >>> evaluate_classification(index, [[0.4], [9.0]], ["a", "unknown to it"], 1.0, ["precision", "fpr"])
        {'threshold': {'distance': 1.0, 'precision': 1.0, 'fpr': 0.0}}
    """
    found = find_labeled(index, queries, labels, k=k, ids=ids)
    if not found.known.any():
        logger.warning("no query is of a class that the index holds: %s", found.label_kinds())
    decisions = decide(found.result, get_matcher(matcher))
    right = found.right(decisions)
    wanted = [get_classification_metric(name) for name in metrics]
    points = cutpoints if isinstance(cutpoints, Mapping) else {"threshold": cutpoints}
    values: dict[str, dict[str, float]] = {}
    for name, point in points.items():
        outcomes = Outcomes.of(decisions.accepted(point), right, found.known)
        distance = point["distance"] if isinstance(point, Mapping) else point
        values[name] = {"distance": float(distance), **{metric.name: float(metric(outcomes)) for metric in wanted}}
    return values
