"""Near-copies: items much nearer to each other than items around them are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.inspection.graph import NeighborGraph

__all__ = ["find_duplicates"]

SPACING_RANK = 10  # the neighbour whose distance says how densely items lie here; groups are smaller than that


def find_duplicates(graph: NeighborGraph, threshold: float = 0.35, *, relative: bool = True) -> Any:
    """Return groups of items that are copies of each other, or nearly so.

    How near copies are depends on where they lie: what is a small gap among sneakers is a large one among shirts. So
    the gap of a pair is compared with the spacing around it: the distance of both items' tenth neighbours (the last,
    where the graph has fewer), by their geometric mean. Pairs below the threshold are joined into groups.

    Args:
        graph: Of the items; groups of copies should be smaller than its k and than ten.
        threshold: The largest gap of copies, ≥ 0: as a fraction of the spacing, or in units of the graph's distance.
            Items without any gap are always copies.
        relative: Whether `threshold` is a fraction of the spacing.

    Returns:
        A data frame with a line for each item of a group: "group" from 0, the tightest first; "id"; "label"; "nearest",
        the id of the nearest other of the group; "distance" to it; "gap", the same as a fraction of the spacing;
        "labels_differ", whether the group's labels do. Empty without copies.

    Raises:
        ValueError: a threshold below 0, or NaN.
        MissingExtraError: pandas is not installed.

    Cost: O(n k) time.

    Example:
        >>> from keras_similarity.inspection import neighbor_graph
        >>> graph = neighbor_graph([[0.0], [1.0], [1.01], [2.0], [3.0]], distance="euclidean")
        >>> find_duplicates(graph, 0.1)["id"].tolist()
        [1, 2]
    """
    if not threshold >= 0:
        raise ValueError(
            f"`threshold` must be at least 0: got {threshold!r}.\n  Pass 0.35 of the spacing, for example."
        )
    pandas = import_extra("pandas", extra="data", purpose="a table of duplicates")
    gaps = _gaps(graph)
    near = (graph.lengths == 0) | ((gaps if relative else graph.distances(graph.lengths)) <= threshold)
    item, column = np.nonzero(near)
    other, gap, length = graph.rows[item, column], gaps[item, column], graph.lengths[item, column]
    # Both ways: a copy need not be among the k nearest of its original.
    one, two = np.concatenate([item, other]), np.concatenate([other, item])
    gap, length = np.tile(gap, 2), np.tile(length, 2)
    group = _components(len(graph), one, two)
    order = np.lexsort((two, gap, one))
    members, first = np.unique(one[order], return_index=True)
    nearest = order[first]
    tightest = np.full(len(graph), np.inf)
    np.minimum.at(tightest, group[members], gap[nearest])
    sequence = np.lexsort((members, group[members], tightest[group[members]]))
    members, nearest = members[sequence], nearest[sequence]
    numbers = {code: number for number, code in enumerate(dict.fromkeys(group[members].tolist()))}
    frame = pandas.DataFrame(
        {
            "group": np.array([numbers[code] for code in group[members].tolist()], np.int64),
            "id": graph.ids[members],
            "label": np.array([*graph.labels(members), None], object)[:-1],
            "nearest": graph.ids[two[nearest]],
            "distance": graph.distances(length[nearest]),
            "gap": gap[nearest],
        }
    )
    kinds = frame.groupby("group")["label"].agg(lambda column: len(set(column)))
    return frame.assign(labels_differ=(frame["group"].map(kinds) > 1).astype(bool))


def _gaps(graph: NeighborGraph) -> NDArray[np.float64]:
    """Return each neighbour's length as a fraction of the spacing around both, `(n, k)`; 0 where there is no gap."""
    spacing = graph.lengths[:, min(SPACING_RANK, graph.k) - 1]
    around = np.sqrt(spacing[:, None] * spacing[graph.rows])
    return np.divide(graph.lengths, around, out=np.where(graph.lengths == 0, 0.0, np.inf), where=around > 0)


def _components(count: int, one: NDArray[np.intp], two: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the group of each item, named after its smallest member, from edges that are there both ways."""
    group = np.arange(count)
    while True:
        smaller = group.copy()
        np.minimum.at(smaller, one, group[two])
        smaller = smaller[smaller]
        if np.array_equal(smaller, group):
            return group
        group = smaller
