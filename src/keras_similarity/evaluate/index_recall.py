"""How much of the truth an index finds: its neighbours beside those of an exact search."""

from typing import Any

import numpy as np

from keras_similarity.core.checks import as_vectors, check_k, check_whole
from keras_similarity.evaluate.searching import LabeledIndex

__all__ = ["index_recall"]

ROUNDING = 1e-5  # relative: what an engine's own arithmetic may move a distance by


def index_recall(index: LabeledIndex, queries: Any, k: int = 10, *, sample: int = 256) -> float:
    """Return the fraction of the k nearest items that the index finds, in [0, 1].

    A neighbour counts when it is no farther than the true k-th, so that another item at the same distance is as good.
    An index that looks at every row finds everything; only an approximate one is measured.

    Args:
        index: What to measure; it holds at least one item.
        queries: Embeddings `(q, d)`, q ≥ 1.
        k: How many neighbours, ≥ 1.
        sample: At most so many queries, spread evenly over those given, ≥ 1.

    Raises:
        ValueError: no queries, an empty index, shapes that do not fit.

    Cost: two searches of the sample, one of them exact.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")  # few rows: each is looked at
        >>> ids = index.add([[0.0], [1.0], [5.0]])
        >>> index_recall(index, [[0.4], [3.5]], k=2)
        1.0
    """
    rows = as_vectors(queries, name="queries")
    k, sample = min(check_k(k), len(index)), check_whole(sample, name="sample", minimum=1)
    if min(len(rows), len(index)) == 0:
        raise ValueError(
            f"`index_recall` needs queries and indexed items: got {len(rows)} and {len(index)}.\n"
            "  Pass some of the embeddings that the index is asked for."
        )
    if index.describe()["engine"]["engine"] == "exact":
        return 1.0
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(sample, len(rows))).astype(np.intp))]
    farthest = index.search(chosen, k, exact=True).distances[:, -1:]
    found = index.search(chosen, k).distances
    return float((found <= farthest + ROUNDING * np.abs(farthest)).mean())
