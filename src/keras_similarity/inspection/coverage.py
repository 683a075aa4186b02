"""Which labels have too few items, or items that do not lie together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_whole
from keras_similarity.core.extras import import_extra
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.inspection.graph import NeighborGraph

__all__ = ["coverage"]


def coverage(graph: NeighborGraph, *, fewest: int = 10) -> Any:
    """Return how well each label is covered by its items.

    Args:
        graph: Of labelled items.
        fewest: Labels with fewer items are thin, ≥ 1.

    Returns:
        A data frame with a line for each label, the thinnest first:
            "label"
            "items"     how many items carry it
            "recall@1"  the fraction of them whose nearest other item carries it too
            "purity"    the mean fraction of an item's k neighbours that carry it; at most (items − 1) / k
            "spread"    the median distance from an item to the nearest other of the label; NaN for one item
            "margin"    the median of the length to the nearest other label's item over that: below 1, most items are
                        nearer to another label; NaN where none of an item's k neighbours has another, for most items
            "thin"      whether there are fewer than `fewest` items, or recall@1 is below one half: new items of the
                        label would rather be found next to another

    Raises:
        ValueError: no labels, or `fewest` below 1.
        MissingExtraError: pandas is not installed.

    Cost: O(n k) time.

    Example:
        >>> from keras_similarity.inspection import neighbor_graph
        >>> graph = neighbor_graph([[0.0], [1.0], [5.0]], ["a", "a", "b"], k=1, distance="euclidean")
        >>> coverage(graph, fewest=2)[["label", "items", "thin"]].values.tolist()
        [['b', 1, True], ['a', 2, False]]
    """
    fewest = check_whole(fewest, name="fewest", minimum=1)
    if len(graph.vocabulary) == 0:
        raise ValueError("`graph` needs labels to tell how they are covered.\n  Make it with the items' labels.")
    pandas = import_extra("pandas", extra="data", purpose="a table of labels")
    codes = graph.codes[graph.rows]
    same = (codes == graph.codes[:, None]) & (codes != NO_LABEL)
    other = (codes != graph.codes[:, None]) & (codes != NO_LABEL)
    own = graph.own_lengths[:, 0]
    rival = np.where(other.any(axis=1), graph.lengths[np.arange(len(graph)), other.argmax(axis=1)], np.inf)
    lines: list[dict[str, Any]] = []
    for code, label in enumerate(graph.vocabulary.labels):
        rows = np.flatnonzero(graph.codes == code)
        there = np.isfinite(own[rows])
        margin = np.median(_ratios(rival[rows[there]], own[rows[there]])) if there.any() else np.nan
        lines.append(
            {
                "label": label,
                "items": len(rows),
                "recall@1": float(same[rows, 0].mean()),
                "purity": float(same[rows].mean()),
                "spread": float(np.median(graph.distances(own[rows[there]]))) if there.any() else np.nan,
                "margin": float(margin) if np.isfinite(margin) else np.nan,
                "thin": bool(len(rows) < fewest or same[rows, 0].mean() < 0.5),
            }
        )
    lines.sort(key=lambda line: (not line["thin"], line["recall@1"], line["items"]))
    return pandas.DataFrame(lines)


def _ratios(rival: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `rival / own`, +inf where the items of the label lie on each other."""
    return np.divide(rival, own, out=np.full(len(own), np.inf), where=own > 0)
