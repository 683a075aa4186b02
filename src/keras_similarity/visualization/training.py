"""How training went: losses and retrieval metrics over the epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_similarity.core.checks import check_choice
from keras_similarity.visualization.figures import BLUE, VERMILION, finish, open_figure

__all__ = ["viz_training"]

VALIDATION = "val_"
SMALLER_IS_BETTER = ("loss", "error", "positive_distance")  # where a metric's name has one of these in it
PANEL_INCHES = (3.6, 2.8)
COLUMNS = 3


def viz_training(history: Any, metrics: Sequence[str] | None = None, *, show: bool = True) -> Any:
    """Draw each metric over the epochs, in a panel of its own, with its validation beside it.

    Args:
        history: What `fit` returned, or a mapping of names to lists of numbers, one an epoch; those of `RetrievalEval`
            are among them. NaN leaves a gap.
        metrics: Which ones, without "val_"; None for all but the learning rate.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`. Training is a solid line, validation a dashed one whose best epoch is marked: the
        lowest of a loss, an error or the distance of positive pairs, else the highest.

    Raises:
        TypeError: neither a history nor a mapping.
        ValueError: nothing to draw, or a metric that is not there.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> figure = viz_training({"loss": [2.0, 1.0, 0.5], "val_loss": [2.0, 1.5, 1.7]}, show=False)
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['training', 'validation', 'best 1.5, epoch 2']
    """
    curves = getattr(history, "history", history)
    if not isinstance(curves, Mapping):
        raise TypeError(
            f"`history` must be what `fit` returned, or a mapping of names to lists: got {type(history).__name__}.\n"
            "  Pass `history = model.fit(…)`."
        )
    known = list(dict.fromkeys(name.removeprefix(VALIDATION) for name, values in curves.items() if len(values)))
    names = [name for name in known if name not in ("lr", "learning_rate")] if metrics is None else list(metrics)
    for name in names:
        check_choice(name, known, name="metrics")
    if not names:
        raise ValueError("`history` needs at least one epoch to draw: got none.\n  Pass what `fit` returned.")
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    size = (PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows)
    figure, axes = open_figure("drawing training", size, rows, columns)
    for cell in axes.ravel()[len(names) :]:
        cell.axis("off")
    for cell, name in zip(axes.ravel(), names, strict=False):
        _draw_metric(cell, name, curves)
    return finish(figure, show=show)


def _draw_metric(cell: Any, name: str, curves: Mapping[str, Any]) -> None:
    styles = ((name, "training", BLUE, "-"), (VALIDATION + name, "validation", VERMILION, "--"))
    for key, label, color, line in styles:
        values = np.asarray(curves.get(key, ()), np.float64)
        if len(values) == 0:
            continue
        epochs = np.arange(1, len(values) + 1)
        cell.plot(epochs, values, line, color=color, label=label, marker="." if len(values) <= 30 else None)
        finite = np.flatnonzero(np.isfinite(values))
        if key.startswith(VALIDATION) and len(finite):
            smaller = any(part in name for part in SMALLER_IS_BETTER)
            best = finite[values[finite].argmin() if smaller else values[finite].argmax()]
            mark = f"best {values[best]:.4g}, epoch {best + 1}"
            cell.plot(epochs[best], values[best], "o", color=color, fillstyle="none", markersize=9, label=mark)
    cell.set(title=name, xlabel="epoch")
    cell.xaxis.get_major_locator().set_params(integer=True)
    cell.grid(alpha=0.25)
    cell.legend(fontsize=8)
