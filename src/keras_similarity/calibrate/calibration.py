"""From neighbours and true labels to thresholds: how near is near enough."""

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.calibrate.class_thresholds import class_distances
from keras_similarity.calibrate.conformal import fit_conformal
from keras_similarity.calibrate.probability import fit_probability, measure_reliability
from keras_similarity.calibrate.results import CalibrationResults
from keras_similarity.calibrate.targets import Target, best_position, parse_targets
from keras_similarity.evaluate import (
    ClassificationMetric,
    Decisions,
    LabeledIndex,
    LabeledQueries,
    Outcomes,
    decide,
    find_labeled,
    get_classification_metric,
    get_matcher,
)

__all__ = ["calibrate"]

logger = logging.getLogger(__name__)

OPTIMAL = "optimal"
Curves = dict[str, NDArray[np.float64]]


def calibrate(
    index: LabeledIndex,
    queries: Any,
    labels: Any,
    thresholds_targets: Mapping[str, Any] | None = None,
    *,
    k: int = 1,
    calibration_metric: str = "f1",
    matcher: Any = "match_nearest",
    extra_metrics: Sequence[str] = ("precision", "recall"),
    unknown_classes: Sequence[Hashable] = (),
    per_class: bool = False,
    coverage: float | None = None,
    ids: Any = None,
    seed: int = 0,
) -> CalibrationResults:
    """Find the distances up to which neighbours should be believed.

    The queries must be new to the model and to the index, and of the kind that will come: with unknown classes in the
    proportion in which they will, since a threshold that only ever saw known ones need not reject anything.

    Args:
        index: Where to search.
        queries: Embeddings `(q, d)`.
        labels: Their true labels, `(q,)`. A query whose label the index does not hold, or that is None, is unknown.
        thresholds_targets: Name of a cutpoint -> what it should achieve: a number for the calibration metric, at least
            (for "fpr" at most); or words for any metric, "precision >= 0.95", "fpr <= 0.001". Of the thresholds that
            achieve it, the loosest is taken for a minimum of precision and a maximum of FPR, else the strictest.
        k: How many neighbours vote.
        calibration_metric: What the cutpoint "optimal" is best in; of thresholds equally good it is the loosest. See
            `get_classification_metric`.
        matcher: How neighbours vote, see `get_matcher`.
        extra_metrics: What else to tell of each threshold.
        unknown_classes: Labels of the index to hide, so that their queries stand for classes yet to come.
        per_class: Whether labels that were decided on for 20 queries or more get thresholds of their own.
        coverage: How often a prediction set should hold the true label, such as 0.95; None for no sets. They need
            k of 10 or more to be worth having.
        ids: For queries that are items of the index: the id of each, which is left out of its own neighbours.
        seed: Of the folds that measure reliability.

    Returns:
        Cutpoints, what every threshold achieves, probabilities, prediction sets. Where every decision has the same
        distance there is one threshold, and a warning is logged; so it is where no decision was wrong.

    Raises:
        ValueError: no query of a known class; a metric that needs unknown queries, and none; one class only, so that
            no decision can be wrong; no neighbour with a label; a target or a coverage that no threshold reaches, with
            the best that one does; NaN; an unknown name.

    Cost: one search, then O(q log q) time for all thresholds and targets together. With `unknown_classes`, the search
        looks past the hidden items.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [10.0]], ["a", "b"])
        >>> calibration = calibrate(index, [[1.0], [9.0], [4.0]], ["a", "b", "c"])  # the index holds no "c"
        >>> point = calibration.cutpoints["optimal"]
        >>> point["distance"], point["f1"], point["recall"]
        (1.0, 1.0, 1.0)
    """
    best_in = get_classification_metric(calibration_metric)
    targets = parse_targets(thresholds_targets, best_in)
    wanted = [best_in, *map(get_classification_metric, extra_metrics), *(target.metric for target in targets.values())]
    metrics, voting = {metric.name: metric for metric in wanted}, get_matcher(matcher)
    found = find_labeled(index, queries, labels, k=k, ids=ids, unknown_classes=unknown_classes)
    _check_known(found)
    _check_unknown(found, metrics)
    decisions = decide(found.result, voting)
    right, decided = found.right(decisions), np.isfinite(decisions.distances)
    _check_wrong(found, decisions, right)
    thresholds = np.unique(decisions.distances[decided])
    outcomes = Outcomes.at(thresholds, decisions.distances, right, found.known)
    curves: Curves = {name: metric(outcomes) for name, metric in metrics.items()}
    goals: dict[str, Target | ClassificationMetric] = {OPTIMAL: best_in, **targets}
    cutpoints = _cutpoints(goals, curves, thresholds, best_in)
    for name, distances in class_distances(found, decisions, goals).items() if per_class else ():
        cutpoints[name]["class_distances"] = distances
    return CalibrationResults(
        cutpoints=cutpoints,
        thresholds={"distance": thresholds, "value": curves[best_in.name], **curves},
        probability=fit_probability(decisions.distances[decided], right[decided]),
        reliability=measure_reliability(decisions.distances[decided], right[decided], seed=seed),
        conformal=None if coverage is None else fit_conformal(found, coverage),
        calibration_metric=best_in.name,
        matcher=voting.name,
        k=k,
        distance=str(index.distance),
        known=outcomes.known,
        unknown=outcomes.unknown,
    )


def _cutpoints(
    goals: dict[str, Target | ClassificationMetric],
    curves: Curves,
    thresholds: NDArray[np.float32],
    best_in: ClassificationMetric,
) -> dict[str, dict[str, Any]]:
    """Return each goal's threshold with all that it achieves.

    Raises:
        ValueError: no threshold reaches a target; the message says what the best reachable value is.
    """
    points: dict[str, dict[str, Any]] = {}
    missed: list[str] = []
    for name, goal in goals.items():
        metric, target = (goal.metric, goal) if isinstance(goal, Target) else (goal, None)
        values = curves[metric.name]
        best = best_position(values, largest=metric.larger_is_better if target is None else target.minimum)
        position = best if target is None else target.position(values)
        if position is None:
            missed.append(
                f"{name!r} wants {target}, and the best is {values[best]:.6g}, at distance {thresholds[best]}"
            )
            continue
        points[name] = {
            "name": name,
            "distance": float(thresholds[position]),
            "value": float(curves[best_in.name][position]),
            "target": None if target is None else str(target),
            **{metric: float(curve[position]) for metric, curve in curves.items()},
        }
    if missed:
        raise ValueError(
            f"`thresholds_targets` asks for what no threshold reaches: {'; '.join(missed)}.\n"
            "  Ask for at most that, or train the model further."
        )
    return points


def _check_known(found: LabeledQueries) -> None:
    if found.known.any():
        return
    raise ValueError(
        f"`labels` needs queries of classes that the index holds: none of the {len(found.labels)} has one; "
        f"{found.label_kinds()}.\n"
        "  Pass labels of the type that was indexed, or index these classes first."
    )


def _check_unknown(found: LabeledQueries, metrics: Mapping[str, ClassificationMetric]) -> None:
    needy = [name for name, metric in metrics.items() if metric.needs_unknown]
    if needy and found.known.all():
        raise ValueError(
            f"{' and '.join(needy)} need queries of unknown classes: all {len(found.labels)} are of known ones.\n"
            "  Add queries that should be rejected, or hide some classes of the index with `unknown_classes`."
        )


def _check_wrong(found: LabeledQueries, decisions: Decisions, right: NDArray[np.bool_]) -> None:
    """Raise a ValueError where nothing was decided, or nothing can be wrong; warn where thresholds mean little."""
    decided = np.isfinite(decisions.distances)
    if not decided.any():
        raise ValueError(
            "calibration needs neighbours with labels: no query has one.\n  Index items with labels, or raise `k`."
        )
    if right.all():
        if len({label for label in found.result.labels.ravel().tolist() if label is not None}) == 1:
            raise ValueError(
                "calibration needs decisions that can be wrong: index and queries are of one class.\n"
                "  Add queries of other classes, or index more classes."
            )
        logger.warning("no decision was wrong: thresholds only say how far the farthest query was")
    elif decisions.distances[decided].min() == decisions.distances[decided].max():
        logger.warning("all decisions have one distance: no threshold can tell right from wrong")
