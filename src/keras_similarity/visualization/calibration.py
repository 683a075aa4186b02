"""Pictures of how far to trust a distance: what thresholds achieve, what probabilities are worth, how pairs lie."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.core.checks import check_choice
from keras_similarity.evaluate import DistanceHistogram
from keras_similarity.visualization.figures import BLUE, VERMILION, finish, open_figure

__all__ = ["viz_distances", "viz_reliability", "viz_thresholds"]

WIDE, SQUARE = (7.0, 4.0), (4.5, 4.5)
LINES = ("-", "--", "-.", ":")  # they do without colour


def viz_thresholds(calibration: CalibrationResults, metrics: Sequence[str] | None = None, *, show: bool = True) -> Any:
    """Draw every metric over the distance, and where the cutpoints are.

    Args:
        calibration: What `calibrate` returned.
        metrics: Which ones; None for all that were asked for.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: a metric that the calibration lacks.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.calibrate import calibrate
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [10.0]], ["a", "b"])
        >>> calibration = calibrate(index, [[1.0], [9.0], [4.0]], ["a", "b", "c"])
        >>> figure = viz_thresholds(calibration, ["precision", "recall"], show=False)
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['precision', 'recall', 'optimal: 1']
    """
    known = [name for name in calibration.thresholds if name not in ("distance", "value")]
    names = known if metrics is None else list(metrics)
    for name in names:
        check_choice(name, known, name="metrics")
    figure, ((axes,),) = open_figure("drawing thresholds", WIDE)
    for position, name in enumerate(names):
        values = calibration.thresholds[name]
        axes.plot(calibration.thresholds["distance"], values, LINES[position % len(LINES)], label=name)
    for position, (name, point) in enumerate(calibration.cutpoints.items()):
        shade, label = str(0.7 * position / len(calibration.cutpoints)), f"{name}: {point['distance']:.4g}"
        axes.axvline(point["distance"], color=shade, linestyle=LINES[position % len(LINES)], linewidth=1, label=label)
    axes.set(xlabel=f"threshold ({calibration.distance} distance)", ylabel="fraction", ylim=(0, 1.02))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return finish(figure, show=show)


def viz_reliability(calibration: CalibrationResults, *, show: bool = True) -> Any:
    """Draw how often decisions were right against how probable they were said to be.

    Args:
        calibration: What `calibrate` returned.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`: a point for each bin of queries, with 95% of what chance alone would give.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.calibrate import calibrate
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [10.0]], ["a", "b"])
        >>> calibration = calibrate(index, [[1.0], [9.0], [4.0]], ["a", "b", "c"])
        >>> figure = viz_reliability(calibration, show=False)
        >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
        ('probability said', 'fraction right')
    """
    reliability = calibration.reliability
    figure, ((axes,),) = open_figure("drawing a reliability curve", SQUARE)
    axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, label="as often as said")
    spread = 1.96 * np.sqrt(reliability.observed * (1 - reliability.observed) / reliability.counts)
    label = f"queries (error {reliability.error:.3f})"
    axes.errorbar(reliability.predicted, reliability.observed, yerr=spread, fmt="o-", color=BLUE, label=label)
    axes.set(xlabel="probability said", ylabel="fraction right", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc="upper left")
    return finish(figure, show=show)


def viz_distances(histogram: DistanceHistogram, *, distance: str = "", show: bool = True) -> Any:
    """Draw how distances are spread, for pairs of one label and of two.

    Args:
        histogram: What `distance_histogram` returned.
        distance: The distance's name, for the axis.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity.evaluate import distance_histogram, pair_distances
        >>> pairs = pair_distances([[0.0], [1.0], [5.0], [7.0]], ["a", "a", "b", "b"], distance="euclidean")
        >>> figure = viz_distances(distance_histogram(pairs, bins=6), distance="euclidean", show=False)
        >>> figure.axes[0].get_title(), figure.axes[0].get_xlabel()
        ('overlap 0.000', 'euclidean distance')
    """
    figure, ((axes,),) = open_figure("drawing distances", WIDE)
    for values, label, color, line in (
        (histogram.positives, "one label", BLUE, "-"),
        (histogram.negatives, "two labels", VERMILION, "--"),
    ):
        axes.stairs(values, histogram.edges, fill=True, alpha=0.3, color=color)
        axes.stairs(values, histogram.edges, color=color, linestyle=line, label=label)
    axes.set(
        xlabel=f"{distance} distance".strip(), ylabel="fraction of pairs", title=f"overlap {histogram.overlap:.3f}"
    )
    axes.legend()
    return finish(figure, show=show)
