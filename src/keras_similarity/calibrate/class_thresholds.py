"""A threshold for each label: what is near for a shoe is far for a shirt."""

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from keras_similarity.calibrate.targets import Target, best_position
from keras_similarity.evaluate import ClassificationMetric, Decisions, LabeledQueries, Outcomes

__all__ = ["class_distances"]

FEWEST = 20  # decisions for a label below which its own threshold would be an accident


def class_distances(
    found: LabeledQueries, decisions: Decisions, goals: dict[str, Target | ClassificationMetric]
) -> dict[str, dict[Hashable, float]]:
    """Choose thresholds for each label among the decisions for it.

    Args:
        found: Neighbours and true labels.
        decisions: What the neighbours decided on.
        goals: Name of a cutpoint -> its target, or the metric of which it is the optimum.

    Returns:
        Name of a cutpoint -> label -> distance. A label for which fewer than 20 queries were decided, or whose
        decisions do not reach the target, has none: the threshold of all labels stands in for it.
    """
    right = found.right(decisions)
    true = decisions.vocabulary.find(found.labels)
    chosen: dict[str, dict[Hashable, float]] = {name: {} for name in goals}
    for code, label in enumerate(decisions.vocabulary.labels):
        mine = (decisions.codes == code) & np.isfinite(decisions.distances)
        if mine.sum() < FEWEST:
            continue
        thresholds = np.unique(decisions.distances[mine])
        # What concerns this label: decisions for it, and queries that carry it; those of another label are no matter.
        outcomes = Outcomes.at(thresholds, np.where(mine, decisions.distances, np.inf), right, found.known)
        outcomes = Outcomes(
            outcomes.right,
            outcomes.confused,
            outcomes.false_accepts,
            int((found.known & (true == code)).sum()),
            outcomes.unknown,
        )
        for name, goal in goals.items():
            position = _position(goal, outcomes)
            if position is not None:
                chosen[name][label] = float(thresholds[position])
    return chosen


def _position(goal: Target | ClassificationMetric, outcomes: Outcomes) -> int | None:
    if isinstance(goal, Target):
        return goal.position(goal.metric(outcomes))
    values: NDArray[np.float64] = goal(outcomes)
    return None if np.isnan(values).all() else best_position(values, largest=goal.larger_is_better)
