"""How much of the truth an index finds: its neighbours beside those of an exact search."""

from typing import Any

import numpy as np

from keras_similarity.core.checks import as_vectors, check_k, check_whole
from keras_similarity.core.distances import get_distance
from keras_similarity.evaluate.exact_distances import ExactDistances
from keras_similarity.evaluate.searching import LabeledIndex

__all__ = ["index_recall"]

ROUNDING = 1e-5  # relative: what an engine's own arithmetic may move a distance by


def index_recall(index: LabeledIndex, queries: Any, gallery: Any, k: int = 10, *, sample: int = 256) -> float:
    """Return the fraction of the k nearest items that the index finds, in [0, 1].

    A neighbour counts when it is no farther than the true k-th, so that another item at the same distance is as good.

    Args:
        index: What to measure; it holds the gallery.
        queries: Embeddings `(q, d)`, q ≥ 1.
        gallery: The embeddings that were indexed, `(n, d)`, n ≥ 1, in any order.
        k: How many neighbours, ≥ 1.
        sample: At most so many queries, spread evenly over those given, ≥ 1.

    Raises:
        ValueError: no queries, an empty gallery, shapes that do not fit.

    Cost: O(sample · n · d) time, some 64 MB.
    """
    rows = as_vectors(queries, name="queries")
    items = as_vectors(gallery, name="gallery", dim=rows.shape[1])
    k, sample = min(check_k(k), len(items)), check_whole(sample, name="sample", minimum=1)
    if min(len(rows), len(items)) == 0:
        raise ValueError(
            f"`queries` and `gallery` need at least one row each: got {len(rows)} and {len(items)}.\n"
            "  Pass some of the embeddings that the index is asked for."
        )
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(sample, len(rows))).astype(np.intp))
    found = index.search(rows[chosen], k).distances
    hits = 0
    exact = ExactDistances(items, get_distance(index.distance))
    for part, distances in exact.blocks(rows, chosen):
        farthest = np.partition(distances, k - 1, axis=1)[:, k - 1 : k]
        near = found[np.searchsorted(chosen, part)]
        hits += int((near <= farthest + ROUNDING * np.abs(farthest)).sum())
    return hits / (k * len(chosen))
