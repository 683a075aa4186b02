"""What augmentation makes of examples, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_similarity.core.checks import as_array, check_same_length, check_whole
from keras_similarity.core.labels import label_list
from keras_similarity.visualization.figures import finish, open_figure
from keras_similarity.visualization.images import draw_image
from keras_similarity.visualization.names import name_of

__all__ = ["viz_views"]

CELL_INCHES = 1.5


def viz_views(
    views: Sequence[Any],
    labels: Any = None,
    *,
    class_mapping: Mapping[Any, str] | Sequence[str] | None = None,
    most: int = 8,
    fig_size: tuple[float, float] | None = None,
    cmap: str = "gray",
    show: bool = True,
) -> Any:
    """Draw the views of examples: a row for each example, a column for each view.

    Look at it before you train: what differs between the views of a row is what the model learns to overlook.

    Args:
        views: One batch of images `(n, …)` for each view, as a sampler with augmentation gives them; images as in
            `viz_neighbors`.
        labels: The label of each example, `(n,)`; None for none.
        class_mapping: Label -> name to print.
        most: At most so many examples, the first ones.
        fig_size: Width and height in inches.
        cmap: Matplotlib's name of the colours for images of one channel.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: no view or no example, views or labels of different lengths.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> images = np.random.default_rng(0).random((2, 8, 8))
        >>> figure = viz_views([images, images[:, :, ::-1]], ["cat", "dog"], show=False)
        >>> [axes.get_title() for axes in figure.axes], figure.axes[2].get_ylabel()
        (['view 1', 'view 2', '', ''], 'dog')
    """
    batches = [as_array(view) for view in views]
    count = min((len(batch) if batch.ndim else 0 for batch in batches), default=0)
    if count == 0:
        raise ValueError("`views` needs at least one view of one example: got none.\n  Pass `[view, view]`.")
    for batch in batches:
        check_same_length(len(batches[0]), batch, name="views", what="the first view")
    names = None if labels is None else label_list(labels)
    if names is not None:
        check_same_length(count, names, name="labels", what="views")
    rows = min(count, check_whole(most, name="most", minimum=1))
    size = fig_size or (CELL_INCHES * len(batches) + 0.3, CELL_INCHES * rows + 0.4)
    figure, axes = open_figure("drawing views", size, rows, len(batches))
    for row, line in enumerate(axes):
        for column, cell in enumerate(line):
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
            draw_image(cell, batches[column][row], cmap=cmap)
            if row == 0:
                cell.set_title(f"view {column + 1}", fontsize=9)
        if names is not None:
            line[0].set_ylabel(name_of(names[row], class_mapping), fontsize=9)
    return finish(figure, show=show)
