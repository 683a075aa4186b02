"""Pictures of what is wrong with the data: the items that the tables of `inspection` name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_similarity.core.checks import as_array, check_whole
from keras_similarity.visualization.figures import finish, open_figure

__all__ = ["viz_coverage", "viz_duplicates", "viz_label_issues", "viz_outliers"]

CELL_INCHES = 1.5
COLUMNS = 6
THIN, COVERED = "#D55E00", "#0072B2"

# From an item's id to its image: a mapping, an array or list by row number, or a function.
Images = Mapping[Any, Any] | Sequence[Any] | np.ndarray | Callable[[Any], Any]


def viz_label_issues(frame: Any, images: Images, *, most: int = 24, show: bool = True) -> Any:
    """Draw the items whose label is probably wrong, with both labels.

    Args:
        frame: What `find_label_issues` returned.
        images: The image of each id: a mapping, an array or list for ids that are row numbers, or a function. Images
            `(h, w)`, `(h, w, 1)`, `(h, w, 3)` or `(h, w, 4)`; of anything else, its text is drawn.
        most: At most so many items, from the top of the table.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    captions = [
        f"{row['label']}\n→ {row['suggested']}\n{row['score']:.1f}" for row in frame.head(most).to_dict("records")
    ]
    return _gallery(frame, images, captions, "no label looks wrong", show)


def viz_outliers(frame: Any, images: Images, *, most: int = 24, show: bool = True) -> Any:
    """Draw the items that lie alone, the farthest first.

    Args:
        frame: What `find_outliers` returned.
        images, most, show: See `viz_label_issues`.
    """
    captions = [f"{row['label']}\n{row['score']:.2f}" for row in frame.head(most).to_dict("records")]
    return _gallery(frame, images, captions, "no item lies alone", show)


def viz_duplicates(frame: Any, images: Images, *, most: int = 24, show: bool = True) -> Any:
    """Draw the items that are copies of each other, group after group.

    Args:
        frame: What `find_duplicates` returned.
        images, most, show: See `viz_label_issues`.
    """
    differ = {True: " (labels differ)", False: ""}
    captions = [
        f"group {row['group']}: {row['label']}{differ[row['labels_differ']]}\n{row['distance']:.3g}"
        for row in frame.head(most).to_dict("records")
    ]
    return _gallery(frame, images, captions, "no copies", show)


def viz_coverage(frame: Any, *, most: int = 40, show: bool = True) -> Any:
    """Draw how well labels are covered, the thinnest on top.

    Args:
        frame: What `coverage` returned.
        most: At most so many labels.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`: for each label how many items it has, and how often the nearest has it too.
    """
    part = frame.head(check_whole(most, name="most", minimum=1))
    figure, (counts, recall) = open_figure("drawing coverage", (8, 1.5 + 0.3 * len(part)), 1, 2)
    places = np.arange(len(part))
    colors = [THIN if thin else COVERED for thin in part["thin"]]
    names = [f"{label} (thin)" if thin else str(label) for label, thin in zip(part["label"], part["thin"], strict=True)]
    counts.barh(places, part["items"], color=colors)
    counts.set(xlabel="items", yticks=places, yticklabels=names)
    recall.barh(places, part["recall@1"], color=colors)
    recall.set(xlabel="fraction whose nearest has the label", xlim=(0, 1), yticks=[])
    for axes in (counts, recall):
        axes.invert_yaxis()
    return finish(figure, show=show)


def _gallery(frame: Any, images: Images, captions: list[str], nothing: str, show: bool) -> Any:
    rows = max(1, -(-len(captions) // COLUMNS))
    size = (CELL_INCHES * COLUMNS, (CELL_INCHES + 0.7) * rows)
    figure, cells = open_figure("drawing items", size, rows, COLUMNS)
    for cell in cells.ravel():
        cell.axis("off")
    if not captions:
        figure.suptitle(nothing)
    for cell, item_id, caption in zip(cells.ravel(), frame["id"].tolist(), captions, strict=False):
        _draw(cell, images(item_id) if callable(images) else images[item_id])
        cell.set_title(caption, fontsize=8)
    return finish(figure, show=show)


def _draw(cell: Any, image: Any) -> None:
    array: Any = as_array(image) if hasattr(image, "__array__") or hasattr(image, "detach") else np.empty(0)
    if array.ndim not in (2, 3) or array.dtype.kind not in "biuf" or array.size == 0:
        cell.text(0.5, 0.5, str(image)[:24], ha="center", va="center", fontsize=8)
        return
    array = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.ndim == 3 and array.dtype != np.uint8:  # colours of any range; of one channel, the colour map sees to it
        low, high = float(array.min()), float(array.max())
        array = (array - low) / max(high - low, 1e-12)
    cell.imshow(array, cmap="gray", interpolation="nearest")
