"""Callbacks with upstream's arguments."""

from collections.abc import Sequence
from typing import Any

from keras_similarity.callbacks import RetrievalEval

__all__ = ["EvalCallback"]


def EvalCallback(
    queries: Any,
    query_labels: Any,
    targets: Any,
    target_labels: Any,
    distance: Any = None,
    metrics: Sequence[str] = ("binary_accuracy",),
    k: int = 1,
    matcher: Any = "match_nearest",
    distance_thresholds: float = float("inf"),
    known_classes: Any = None,
    retrieval_metrics: Sequence[str] = ("recall@1",),
) -> RetrievalEval:
    """Build `keras_similarity.callbacks.RetrievalEval`; scores have no prefix in the logs."""
    return RetrievalEval(
        queries,
        query_labels,
        targets,
        target_labels,
        retrieval_metrics,
        classification_metrics=metrics,
        k=k,
        matcher=matcher,
        threshold=distance_thresholds,
        known_classes=known_classes,
        distance=distance,
        prefix="",
    )
