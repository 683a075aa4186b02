"""Right, wrong or rejected: what becomes of queries when neighbours decide and a threshold accepts.

A query of a class that the index holds is *known*, any other is *unknown*. Only an unknown query is a negative: to
reject it is right. To reject a known one is a miss, whatever its neighbours said.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice

__all__ = ["ClassificationMetric", "Outcomes", "classification_metric_names", "get_classification_metric"]

Floats = NDArray[np.float64]
Counts = NDArray[np.integer] | int


@dataclass(frozen=True)
class Outcomes:
    """How many queries came to what, at one threshold, or at each of several `(t,)`.

    Args:
        right: Known, accepted, with their own label.
        confused: Known, accepted, with another label.
        false_accepts: Unknown, accepted.
        known, unknown: All known, and all unknown queries.

    Example:
        >>> distances = np.array([0.1, 0.2, 0.4, 0.9])
        >>> right, known = np.array([True, False, False, False]), np.array([True, True, False, True])
        >>> Outcomes.of(distances <= 0.5, right, known)
        Outcomes(right=1, confused=1, false_accepts=1, known=3, unknown=1)
    """

    right: Any
    confused: Any
    false_accepts: Any
    known: int
    unknown: int

    @classmethod
    def at(
        cls,
        thresholds: NDArray[np.floating],
        distances: NDArray[np.float32],
        right: NDArray[np.bool_],
        known: NDArray[np.bool_],
    ) -> "Outcomes":
        """Count at every threshold in one pass; `distances` `(q,)` are those of decisions, +inf for none."""
        kinds = (right, known & ~right, ~known)
        of_right, of_confused, of_false = (
            np.searchsorted(np.sort(distances[kind]), thresholds, side="right") for kind in kinds
        )
        return cls(of_right, of_confused, of_false, int(known.sum()), int((~known).sum()))

    @classmethod
    def of(cls, accepted: NDArray[np.bool_], right: NDArray[np.bool_], known: NDArray[np.bool_]) -> "Outcomes":
        """Count where it is known which decisions are accepted, `(q,)` each."""
        counts = [int((accepted & kind).sum()) for kind in (right, known & ~right, ~known)]
        return cls(counts[0], counts[1], counts[2], int(known.sum()), int((~known).sum()))


@dataclass(frozen=True)
class ClassificationMetric:
    """A fraction of the queries, and which way it moves.

    Args:
        name: As in results.
        numerator, denominator: Outcomes -> counts; 0 / 0 is NaN.
        aliases: Other accepted names.
        larger_is_better: Whether a target is a minimum.
        rises: Whether a looser threshold never makes it smaller (True), tends to make it smaller (False), or neither.
        needs_unknown: Whether it says nothing without unknown queries.

    Example:
        >>> confusion = ClassificationMetric("confusion", lambda it: it.confused, lambda it: it.known)
        >>> float(confusion(Outcomes(right=6, confused=2, false_accepts=1, known=8, unknown=4)))
        0.25
    """

    name: str
    numerator: Callable[[Outcomes], Any]
    denominator: Callable[[Outcomes], Any]
    aliases: tuple[str, ...] = ()
    larger_is_better: bool = True
    rises: bool | None = None
    needs_unknown: bool = False

    def __call__(self, outcomes: Outcomes) -> Any:
        """Return the value at each threshold, NaN where it is not defined."""
        top = np.asarray(self.numerator(outcomes), np.float64)
        bottom = np.broadcast_to(np.asarray(self.denominator(outcomes), np.float64), top.shape)
        if self.needs_unknown and outcomes.unknown == 0:
            return np.full(top.shape, np.nan)
        return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)


def _accepted(o: Outcomes) -> Any:
    return o.right + o.confused + o.false_accepts


def _rejected_unknown(o: Outcomes) -> Any:
    return o.unknown - o.false_accepts


METRICS = (
    ClassificationMetric("precision", lambda o: o.right, _accepted, rises=False),
    ClassificationMetric(
        "recall", lambda o: o.right, lambda o: o.known, aliases=("tpr", "true_positive_rate"), rises=True
    ),
    ClassificationMetric(
        "f1", lambda o: 2 * o.right, lambda o: _accepted(o) + o.known, aliases=("f1_score", "f1score")
    ),
    ClassificationMetric(
        "accuracy",
        lambda o: o.right + _rejected_unknown(o),
        lambda o: o.known + o.unknown,
        aliases=("binary_accuracy",),
    ),
    ClassificationMetric(
        "fpr",
        lambda o: o.false_accepts,
        lambda o: o.unknown,
        aliases=("false_positive_rate",),
        larger_is_better=False,
        rises=True,
        needs_unknown=True,
    ),
    ClassificationMetric(
        "npv",
        _rejected_unknown,
        lambda o: o.known + o.unknown - _accepted(o),
        aliases=("negative_predictive_value",),
        needs_unknown=True,
    ),
    ClassificationMetric(
        "balanced_accuracy",
        lambda o: o.right * o.unknown + _rejected_unknown(o) * o.known,
        lambda o: 2 * o.known * o.unknown,
        needs_unknown=True,
    ),
)
_BY_NAME = {name: metric for metric in METRICS for name in (metric.name, *metric.aliases)}


def classification_metric_names() -> list[str]:
    """Return the names of the metrics, sorted.

    Example:
        >>> classification_metric_names()
        ['accuracy', 'balanced_accuracy', 'f1', 'fpr', 'npv', 'precision', 'recall']
    """
    return sorted(metric.name for metric in METRICS)


def get_classification_metric(name: str | ClassificationMetric) -> ClassificationMetric:
    """Find a metric by its name.

    Definition, over known queries (whose class the index holds) and unknown ones, at a threshold:
        precision           right / accepted
        recall              right / known; confused and rejected ones are both missed
        f1                  the harmonic mean of both
        accuracy            (right + unknown and rejected) / all
        fpr                 unknown and accepted / unknown
        npv                 unknown and rejected / rejected
        balanced_accuracy   the mean of recall and 1 − fpr
    The last three need unknown queries. A value of 0 / 0 is NaN.

    Args:
        name: One of those, or an alias: "f1_score", "binary_accuracy", "false_positive_rate",
            "negative_predictive_value", "true_positive_rate".

    Raises:
        ValueError: no metric has this name.

    Example:
        >>> outcomes = Outcomes(right=6, confused=2, false_accepts=1, known=8, unknown=4)
        >>> [float(get_classification_metric(name)(outcomes)) for name in ("recall", "accuracy", "false_positive_rate")]
        [0.75, 0.75, 0.25]
    """
    if isinstance(name, ClassificationMetric):
        return name
    if name not in _BY_NAME:
        check_choice(name, classification_metric_names(), name="metric")
    return _BY_NAME[name]
