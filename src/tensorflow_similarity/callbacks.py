"""Callbacks with upstream's arguments."""

from collections.abc import Sequence
from typing import Any

from keras_similarity.callbacks import RetrievalEval

__all__ = ["EvalCallback"]

OTHER: Any = None  # of upstream's arguments, one that is gone


def EvalCallback(
    queries: Any,
    query_labels: Any,
    targets: Any,
    target_labels: Any,
    distance: Any = None,
    metrics: Sequence[str] = ("binary_accuracy",),
    tb_logdir: Any = OTHER,
    k: int = 1,
    matcher: Any = "match_nearest",
    distance_thresholds: float | None = None,
    known_classes: Any = None,
    retrieval_metrics: Sequence[str] | None = None,
) -> RetrievalEval:
    """Build `keras_similarity.callbacks.RetrievalEval`; scores have no prefix in the logs."""
    return RetrievalEval(
        queries,
        query_labels,
        targets,
        target_labels,
        retrieval_metrics or ("recall@1",),
        classification_metrics=metrics,
        k=k,
        matcher=matcher,
        threshold=float("inf") if distance_thresholds is None else distance_thresholds,
        known_classes=known_classes,
        distance=distance,
        prefix="",
    )
