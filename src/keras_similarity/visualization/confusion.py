"""A picture of who is taken for whom."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.evaluate import count_confusions
from keras_similarity.visualization.figures import finish, open_figure

__all__ = ["confusion_matrix"]

MOST_NUMBERED = 30  # labels; beyond, numbers in cells cannot be read
CELL_INCHES, SMALL_CELL_INCHES = 0.45, 0.15
MOST_INCHES = 30.0


def confusion_matrix(
    y_pred: Any,
    y_true: Any,
    normalize: bool = True,
    labels: Sequence[Hashable] | None = None,
    title: str = "Confusion matrix",
    cmap: str = "Blues",
    show: bool = True,
) -> tuple[Any, NDArray[Any]]:
    """Draw how often each true label was predicted as each label.

    Args:
        y_pred: Predicted labels `(n,)` of any kind: what `match` returned, no match among them.
        y_true: True labels `(n,)`.
        normalize: Whether a cell holds the fraction of its true label; else it holds a count.
        labels: Which ones, in this order; None for all.
        title: Above the picture.
        cmap: Matplotlib's name of the colours.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        The axes, whose `figure` can be saved, and the matrix `(c, c)`: a row for each true label, a column for each
        predicted one. A row of a label that no item truly has is 0.

    Raises:
        ValueError: different lengths, or no label to draw.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> axes, matrix = confusion_matrix(["a", "b", "b"], ["a", "a", "b"], show=False)
        >>> matrix.tolist(), axes.get_ylabel()
        ([[0.5, 0.5], [0.0, 1.0]], 'true')
    """
    names, counts = count_confusions(y_pred, y_true, labels)
    if not names:
        raise ValueError("`y_true` needs at least one label to draw: got none.\n  Pass some predictions.")
    totals = counts.sum(axis=1, keepdims=True)
    matrix = counts / np.maximum(totals, 1) if normalize else counts
    numbered = len(names) <= MOST_NUMBERED
    side = min(MOST_INCHES, 2.5 + (CELL_INCHES if numbered else SMALL_CELL_INCHES) * len(names))
    figure, ((axes,),) = open_figure("drawing a confusion matrix", (side + 0.8, side))
    image = axes.imshow(matrix, cmap=cmap, vmin=0)
    figure.colorbar(image, ax=axes, shrink=0.8, fraction=0.05, pad=0.02)
    ticks = [str(name) for name in names]
    axes.set(title=title, xlabel="predicted", ylabel="true")
    axes.set_xticks(range(len(ticks)), ticks, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(ticks)), ticks)
    axes.tick_params(labelsize=10 if numbered else 6)
    if numbered:
        dark = matrix > matrix.max() / 2
        for row, column in np.argwhere(matrix):  # what is 0 is left blank: the rest is seen at once
            text = f"{matrix[row, column]:.2f}" if normalize else str(matrix[row, column])
            color = "white" if dark[row, column] else "black"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    finish(figure, show=show)
    return axes, matrix
