"""Pictures of what is wrong with the data: the items that the tables of `inspection` name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_similarity.core.checks import check_whole
from keras_similarity.visualization.figures import BLUE, VERMILION, finish, open_figure
from keras_similarity.visualization.images import draw_image

__all__ = ["viz_coverage", "viz_duplicates", "viz_label_issues", "viz_outliers"]

CELL_INCHES = 1.5
COLUMNS = 6
HEADING_INCHES, LINE_INCHES = 4.0, 0.17

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

    Example:
        >>> from keras_similarity.inspection import find_label_issues, neighbor_graph
        >>> rows = np.concatenate([np.arange(20.0), 100 + np.arange(20.0)])[:, None]
        >>> labels = ["a"] * 20 + ["b"] * 20
        >>> labels[5] = "b"  # among twenty of "a"
        >>> found = find_label_issues(neighbor_graph(rows, labels, k=10, distance="euclidean"), 2.0)
        >>> figure = viz_label_issues(found, lambda row: np.full((8, 8), row), most=1, show=False)
        >>> figure.axes[0].get_title().splitlines()[:2]
        ['b', '→ a']
    """
    captions = [
        f"{row['label']}\n→ {row['suggested']}\n{row['score']:.1f}" for row in frame.head(most).to_dict("records")
    ]
    heading = "label → the likelier one, and the log odds for it" if captions else "no label looks wrong"
    return _gallery(frame, images, heading, captions, show)


def viz_outliers(frame: Any, images: Images, *, most: int = 24, show: bool = True) -> Any:
    """Draw the items that lie alone, the farthest first.

    Args:
        frame: What `find_outliers` returned.
        images, most, show: See `viz_label_issues`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity.inspection import find_outliers, neighbor_graph
        >>> graph = neighbor_graph([[0.0], [1.0], [2.0], [3.0], [30.0]], list("abcde"), k=2, distance="euclidean")
        >>> figure = viz_outliers(find_outliers(graph, 2.0), np.zeros((5, 8, 8)), show=False)
        >>> [axes.get_title().splitlines()[0] for axes in figure.axes]
        ['e']
    """
    captions = [f"{row['label']}\n{row['score']:.2f}" for row in frame.head(most).to_dict("records")]
    heading = "label, and how much emptier it is around the item" if captions else "no item lies alone"
    return _gallery(frame, images, heading, captions, show)


def viz_duplicates(frame: Any, images: Images, *, most: int = 24, show: bool = True) -> Any:
    """Draw the items that are copies of each other, group after group.

    Args:
        frame: What `find_duplicates` returned.
        images, most, show: See `viz_label_issues`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity.inspection import find_duplicates, neighbor_graph
        >>> graph = neighbor_graph([[0.0], [1.0], [1.01], [2.0], [3.0]], list("abcde"), distance="euclidean")
        >>> figure = viz_duplicates(find_duplicates(graph, 0.1), np.zeros((5, 8, 8)), show=False)
        >>> [axes.get_title().splitlines() for axes in figure.axes]
        [['0: b', '0.01, labels differ'], ['0: c', '0.01, labels differ']]
    """
    differ = {True: ", labels differ", False: ""}
    captions = [
        f"{row['group']}: {row['label']}\n{row['distance']:.3g}{differ[row['labels_differ']]}"
        for row in frame.head(most).to_dict("records")
    ]
    heading = "group: label, and the distance to the nearest copy" if captions else "no copies"
    return _gallery(frame, images, heading, captions, show)


def viz_coverage(frame: Any, *, most: int = 40, show: bool = True) -> Any:
    """Draw how well labels are covered, the thinnest on top.

    Args:
        frame: What `coverage` returned.
        most: At most so many labels.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`: for each label how many items it has, and how often the nearest has it too.

    Raises:
        ValueError: `most` is below 1.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity.inspection import coverage, neighbor_graph
        >>> graph = neighbor_graph([[0.0], [1.0], [5.0]], ["a", "a", "b"], k=1, distance="euclidean")
        >>> figure = viz_coverage(coverage(graph, fewest=2), show=False)
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['b (thin)', 'a']
    """
    part = frame.head(check_whole(most, name="most", minimum=1))
    figure, ((counts, recall),) = open_figure("drawing coverage", (8, 1.5 + 0.3 * len(part)), 1, 2)
    places = np.arange(len(part))
    colors = [VERMILION if thin else BLUE for thin in part["thin"]]
    names = [f"{label} (thin)" if thin else str(label) for label, thin in zip(part["label"], part["thin"], strict=True)]
    counts.barh(places, part["items"], color=colors)
    counts.set(xlabel="items", yticks=places, yticklabels=names)
    recall.barh(places, part["recall@1"], color=colors)
    recall.set(xlabel="fraction whose nearest has the label", xlim=(0, 1), yticks=[])
    for axes in (counts, recall):
        axes.invert_yaxis()
    return finish(figure, show=show)


def _gallery(frame: Any, images: Images, heading: str, captions: list[str], show: bool) -> Any:
    """Draw items with captions, and above them what is to be seen; the heading alone where there are none."""
    columns = min(COLUMNS, max(1, len(captions)))
    rows = max(1, -(-len(captions) // columns))
    lines = captions[0].count("\n") + 1 if captions else 0
    size = (max(HEADING_INCHES, CELL_INCHES * columns), 0.4 + (CELL_INCHES + LINE_INCHES * lines) * rows * bool(lines))
    figure, cells = open_figure("drawing items", size, rows, columns)
    figure.suptitle(heading, fontsize=10)
    for cell in cells.ravel():
        cell.axis("off")
    for cell, item_id, caption in zip(cells.ravel(), frame["id"].tolist(), captions, strict=False):
        draw_image(cell, images(item_id) if callable(images) else images[item_id])
        cell.set_title(caption, fontsize=8)
    return finish(figure, show=show)
