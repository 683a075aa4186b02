"""The queries that go wrong most: what to look at first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_same_length, check_whole
from keras_similarity.evaluate import LabeledQueries
from keras_similarity.evaluate.searching import pick_columns
from keras_similarity.visualization.neighbors import draw_rows

__all__ = ["first_right_ranks", "rank_in_words", "viz_worst_queries", "worst_queries"]


def viz_worst_queries(
    queries: LabeledQueries,
    examples: Any,
    *,
    most: int = 6,
    shown: int = 8,
    class_mapping: Mapping[Any, str] | Sequence[str] | None = None,
    fig_size: tuple[float, float] | None = None,
    cmap: str = "gray",
    show: bool = True,
) -> Any:
    """Draw the queries whose first right neighbour comes latest, with their nearest neighbours.

    Args:
        queries: What `find_labeled(index, embeddings, labels, k=…)` returned; the larger its k, the better it tells bad
            from worse. The index must hold images as `data` for these to be seen.
        examples: The queries' images or vectors, `(q, …)`, see `viz_neighbors`.
        most: At most so many queries, the worst on top. Queries whose label the index lacks are left out.
        shown: At most so many neighbours of each.
        class_mapping, fig_size, cmap, show: See `viz_neighbors`.

    Returns:
        A `matplotlib.figure.Figure`: right neighbours have a solid blue frame and ✓, wrong ones a dashed vermilion
        frame and ✗; under a query's label stands the rank of its first right neighbour.

    Raises:
        ValueError: another number of examples than queries, or no query whose label the index holds.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.evaluate import find_labeled
        >>> index, images = Index(1, "euclidean"), np.zeros((2, 8, 8), np.uint8)
        >>> ids = index.add([[0.0], [3.0]], ["cat", "dog"], data=list(images))
        >>> queries = find_labeled(index, [[1.0], [2.0]], ["cat", "cat"], k=2)
        >>> figure = viz_worst_queries(queries, images, most=1, show=False)
        >>> [axes.get_title().splitlines() for axes in figure.axes]
        [['query: cat', 'right at 2'], ['✗ dog', '1.000'], ['✓ cat', '2.000']]
    """
    check_same_length(len(queries.labels), examples, name="examples", what="queries")
    shown = check_whole(shown, name="shown", minimum=1)
    worst = worst_queries(queries)[: check_whole(most, name="most", minimum=1)].tolist()
    if not worst:
        raise ValueError("`queries` needs one whose label the index holds: got none.\n  Pass other queries.")
    ranks, depth = first_right_ranks(queries), queries.result.ids.shape[1]
    notes = [f"\n{rank_in_words(int(ranks[row]), depth)}" for row in worst]
    neighbors = pick_columns(queries.result, np.array(worst), np.tile(np.arange(min(shown, depth)), (len(worst), 1)))
    images, labels = [as_array(examples[row]) for row in worst], [queries.labels[row] for row in worst]
    return draw_rows(images, labels, list(neighbors), class_mapping, fig_size, cmap, show, notes)


def first_right_ranks(queries: LabeledQueries) -> NDArray[np.intp]:
    """Return the rank of each query's first right neighbour, `(q,)`, from 1; k + 1 where the k found are all wrong."""
    wanted = np.empty((len(queries.labels), 1), object)
    wanted[:, 0] = queries.labels
    right = np.asarray(queries.result.labels == wanted, bool) & np.isfinite(queries.result.distances)
    return np.where(right.any(axis=1), right.argmax(axis=1), right.shape[1]) + 1


def rank_in_words(rank: int, depth: int) -> str:
    """Return what a first right rank says of a query."""
    return f"right at {rank}" if rank <= depth else f"none in {depth}"


def worst_queries(queries: LabeledQueries) -> NDArray[np.intp]:
    """Return the answerable queries, the worst first: by their first right rank, then by how near the nearest lies."""
    ranks = first_right_ranks(queries)
    order = np.lexsort((queries.result.distances[:, 0], -ranks))
    return order[queries.known[order]]
