"""Outliers: items that lie where hardly any others do, as dense as it is around their neighbours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.inspection.graph import NeighborGraph

__all__ = ["find_outliers", "local_outlier_factors"]

TYPICAL = 1.5  # a factor of 1 is as dense as the neighbours are
LEAST_REACH = 1e-10  # the reach of exact copies, whose density would be infinite


def find_outliers(graph: NeighborGraph, threshold: float = TYPICAL) -> Any:
    """Return the items around which it is much emptier than around their neighbours.

    Args:
        graph: Of the items.
        threshold: The smallest local outlier factor to report. 1 is as dense as the neighbours; 0 reports every item.

    Returns:
        A data frame, the farthest outlier first: "id"; "label"; "score", the local outlier factor; "nearest", the id of
        the nearest other item; "distance" to it. Where all items lie equally dense, all factors are 1.

    Raises:
        ValueError: a threshold that is NaN.
        MissingExtraError: pandas is not installed.

    Cost: O(n k) time.

    Example:
        >>> from keras_similarity.inspection import neighbor_graph
        >>> graph = neighbor_graph([[0.0], [1.0], [2.0], [3.0], [30.0]], k=2, distance="euclidean")
        >>> find_outliers(graph, 2.0)["id"].tolist()
        [4]

    References:
        Breunig et al., LOF: identifying density-based local outliers, 2000.
    """
    if np.isnan(threshold):
        raise ValueError("`threshold` must be a number: got nan.\n  Pass 1.5, for example.")
    pandas = import_extra("pandas", extra="data", purpose="a table of outliers")
    scores = local_outlier_factors(graph)
    rows = np.flatnonzero(scores >= threshold)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    return pandas.DataFrame(
        {
            "id": graph.ids[rows],
            "label": np.array([*graph.labels(rows), None], object)[:-1],
            "score": scores[rows],
            "nearest": graph.ids[graph.rows[rows, 0]],
            "distance": graph.distances(graph.lengths[rows, 0]),
        }
    )


def local_outlier_factors(graph: NeighborGraph) -> NDArray[np.float64]:
    """Return how much emptier it is around each item than around its neighbours, `(n,)`; 1 for as dense.

    Definition, with k(i) the length to i's k-th neighbour, and the means over i's k neighbours j:
        reach(i, j) = max(k(j), |i, j|)    density(i) = 1 / mean reach(i, j)    factor(i) = mean density(j) / density(i)
    """
    kth = graph.lengths[:, -1]
    reach = np.maximum(graph.lengths, kth[graph.rows])
    density = 1 / (reach.mean(axis=1) + LEAST_REACH)
    return density[graph.rows].mean(axis=1) / density
