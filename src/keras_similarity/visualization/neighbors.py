"""Queries beside their neighbours: right and wrong told apart by colour, by line and by sign."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_similarity.core.checks import as_array, check_same_length
from keras_similarity.core.results import Lookup, Neighbors, SearchResult
from keras_similarity.visualization.figures import BLUE, VERMILION, finish, open_figure
from keras_similarity.visualization.images import draw_image
from keras_similarity.visualization.names import name_of

__all__ = ["draw_rows", "viz_neighbors", "viz_neighbors_grid"]

# Solid and dashed do without colour.
RIGHT = {"color": BLUE, "linestyle": "-", "sign": "✓"}
WRONG = {"color": VERMILION, "linestyle": (0, (3, 2)), "sign": "✗"}
QUERY_COLOR = "#444444"
CELL_INCHES = 1.5


def viz_neighbors(
    example: Any,
    example_class: Hashable,
    neighbors: Neighbors,
    class_mapping: Mapping[Any, str] | Sequence[str] | None = None,
    fig_size: tuple[float, float] | None = None,
    cmap: str = "gray",
    show: bool = True,
) -> Any:
    """Draw one query and its neighbours in a row.

    Args:
        example: The query as an image `(h, w)`, `(h, w, 1)`, `(h, w, 3)` or `(h, w, 4)`, or a vector `(d,)`, which is
            drawn as a line. Numbers of any range.
        example_class: Its label; a neighbour with an equal one is right.
        neighbors: What `single_lookup` returned, indexed with images as `data`.
        class_mapping: Label -> name to print.
        fig_size: Width and height in inches.
        cmap: Matplotlib's name of the colours for images of one channel.
        show: Whether to open a window, or show it in the notebook.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity import Index
        >>> index, images = Index(1, "euclidean"), np.zeros((2, 8, 8), np.uint8)
        >>> ids = index.add([[0.0], [3.0]], ["cat", "dog"], data=list(images))
        >>> figure = viz_neighbors(images[0], "cat", index.search([[1.0]], k=2)[0], show=False)
        >>> [axes.get_title().splitlines() for axes in figure.axes]
        [['query: cat'], ['✓ cat', '1.000'], ['✗ dog', '2.000']]
    """
    return draw_rows([as_array(example)], [example_class], [neighbors], class_mapping, fig_size, cmap, show)


def viz_neighbors_grid(
    examples: Any,
    labels: Sequence[Hashable],
    result: SearchResult,
    *,
    class_mapping: Mapping[Any, str] | Sequence[str] | None = None,
    fig_size: tuple[float, float] | None = None,
    cmap: str = "gray",
    show: bool = True,
) -> Any:
    """Draw several queries with their neighbours, a row each; see `viz_neighbors`.

    Args:
        examples: Images or vectors, `(q, …)`.
        labels: The label of each.
        result: What `lookup` returned for them.
        class_mapping, fig_size, cmap, show: See `viz_neighbors`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: another number of labels or results than examples, or no example.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity import Index
        >>> index, images = Index(1, "euclidean"), np.zeros((2, 8, 8), np.uint8)
        >>> ids = index.add([[0.0], [3.0]], ["cat", "dog"], data=list(images))
        >>> figure = viz_neighbors_grid(images, ["cat", "dog"], index.search([[1.0], [4.0]], k=1), show=False)
        >>> [axes.get_title().splitlines()[0] for axes in figure.axes]
        ['query: cat', '✓ cat', 'query: dog', '✓ dog']
    """
    images = [as_array(example) for example in examples]
    check_same_length(len(images), labels, name="labels", what="examples")
    check_same_length(len(images), result, name="result", what="examples")
    if not images:
        raise ValueError("`examples` needs at least one query to draw: got none.\n  Pass some.")
    return draw_rows(images, list(labels), list(result), class_mapping, fig_size, cmap, show)


def draw_rows(
    images: list[np.ndarray],
    labels: list[Hashable],
    rows: list[Neighbors],
    names: Mapping[Any, str] | Sequence[str] | None,
    fig_size: tuple[float, float] | None,
    cmap: str,
    show: bool,
    notes: Sequence[str] = (),
) -> Any:
    """Draw queries with labels and neighbours, a row each; `notes` stand under the queries' labels."""
    columns = 1 + max(1, *(len(row) for row in rows))
    size = fig_size or (CELL_INCHES * columns, (CELL_INCHES + 0.3) * len(rows))
    figure, axes = open_figure("drawing neighbours", size, len(rows), columns)
    notes = notes or [""] * len(rows)
    for line, image, label, neighbors, note in zip(axes, images, labels, rows, notes, strict=True):
        for cell in line:
            cell.axis("off")
        _draw_item(line[0], image, f"query: {name_of(label, names)}{note}", QUERY_COLOR, "-", cmap)
        for cell, lookup in zip(line[1:], neighbors, strict=False):
            _draw_neighbor(cell, lookup, label, names, cmap)
    return finish(figure, show=show)


def _draw_neighbor(cell: Any, lookup: Lookup, label: Hashable, names: Any, cmap: str) -> None:
    mark = RIGHT if lookup.label == label else WRONG
    title = f"{mark['sign']} {name_of(lookup.label, names)}\n{lookup.distance:.3f}"
    _draw_item(cell, lookup.data, title, mark["color"], mark["linestyle"], cmap)


def _draw_item(cell: Any, image: Any, title: str, color: str, linestyle: Any, cmap: str) -> None:
    cell.set_title(title, color=color, fontsize=9)
    draw_image(cell, image, color=color, cmap=cmap)
    frame = cell.patch.__class__((0, 0), 1, 1, transform=cell.transAxes, fill=False, clip_on=False)
    frame.set(edgecolor=color, linestyle=linestyle, linewidth=2.5)
    cell.add_patch(frame)
