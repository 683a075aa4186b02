"""The neighbour graph of a data set: each item's nearest others, and its nearest others of the same label."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_choice, check_k, check_same_length
from keras_similarity.core.distances import Distance, distance_names, get_distance
from keras_similarity.core.item_ids import as_ids
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.evaluate.exact_distances import ExactDistances
from keras_similarity.evaluate.searching import search_others
from keras_similarity.index import Index

__all__ = ["NeighborGraph", "index_graph", "neighbor_graph"]

OWN = 3  # neighbours of the same label that are looked for however far they are
SQUARED = ("cosine", "snr", "squared_euclidean")  # distances that grow with the square of a gap
UNUSABLE = ("inner_product",)  # an item is not nearest to itself: there is no zero to measure from

Lengths = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NeighborGraph:
    """Items and their nearest others. Make it once; every question about the data is asked of it.

    Gaps are kept as lengths: the root of a distance that grows with the square of a gap, as cosine does, so that ratios
    of them mean the same under every distance.

    Args:
        ids: `(n,)`.
        codes: The code of each item's label, `(n,)`, -1 for none.
        vocabulary: Code -> label.
        rows: The numbers of each item's nearest others, `(n, k)`, nearest first.
        lengths: How far they are, `(n, k)`.
        own_lengths: How far the three nearest others of the same label are, `(n, 3)`; +inf where there are fewer.
        distance: The distance's name.

    Example:
        >>> graph = neighbor_graph([[0.0], [1.0], [5.0]], ["a", "a", "b"], k=2, distance="euclidean")
        >>> graph.labels(graph.rows[2]), graph.distances(graph.lengths[2]).tolist()
        (['a', 'a'], [4.0, 5.0])
        >>> graph.own_lengths[:, 0].tolist()  # the nearest of the same label, and none
        [1.0, 1.0, inf]
    """

    ids: NDArray[Any] = field(repr=False)
    codes: NDArray[np.int32] = field(repr=False)
    vocabulary: LabelVocabulary = field(repr=False)
    rows: NDArray[np.intp] = field(repr=False)
    lengths: Lengths = field(repr=False)
    own_lengths: Lengths = field(repr=False)
    distance: str

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def k(self) -> int:
        """How many neighbours each item has."""
        return self.rows.shape[1]

    def labels(self, rows: NDArray[np.intp]) -> list[Hashable | None]:
        """Return the labels of some items, None for items without one."""
        return [None if code == NO_LABEL else self.vocabulary.labels[code] for code in self.codes[rows].tolist()]

    def distances(self, lengths: Lengths) -> Lengths:
        """Return lengths in units of the distance."""
        return np.square(lengths) if self.distance in SQUARED else lengths

    def dimension(self) -> float:
        """Return how many dimensions the items spread in around each other, at least 1.

        The maximum-likelihood estimate from how neighbours thin out with distance, averaged over items as the second of
        the references says.

        References:
            Levina & Bickel, Maximum likelihood estimation of intrinsic dimension, 2004.
            MacKay & Ghahramani, Comments on the above, 2005.
        """
        farthest = self.lengths[:, -1:]
        usable = farthest[:, 0] > 0
        ratios = farthest[usable] / np.maximum(self.lengths[usable, :-1], 1e-6 * farthest[usable])
        mean = np.log(ratios).mean() if ratios.size else 0.0
        return max(1.0, 1.0 / mean) if mean > 0 else 1.0


def neighbor_graph(
    embeddings: Any,
    labels: Any = None,
    *,
    ids: Any = None,
    k: int = 20,
    distance: str | Distance = "cosine",
) -> NeighborGraph:
    """Find each item's nearest others.

    Args:
        embeddings: Rows `(n, d)`, n ≥ 2.
        labels: Their labels, `(n,)`, None for an item without one; or None for all.
        ids: What to call the items in answers, ints or strings `(n,)`; None for row numbers.
        k: How many others, ≥ 1; at most n − 1 are there.
        distance: Name or `Distance`; any but "inner_product".

    Raises:
        ValueError: fewer than two items, shapes that do not fit, NaN, a row of zeros under cosine, "inner_product".

    Cost: a search for every item, and the distances inside every label: O(n² d) time at worst; 12 bytes a neighbour,
        and up to 400 MB.

    Example:
        >>> graph = neighbor_graph([[0.0], [1.0], [5.0]], k=1, distance="euclidean")
        >>> graph.rows.tolist(), graph.lengths.tolist()
        ([[1], [0], [1]], [[1.0], [1.0], [4.0]])
    """
    measure = get_distance(distance)
    if measure.name in UNUSABLE:
        check_choice(measure.name, [name for name in distance_names() if name not in UNUSABLE], name="distance")
    rows = as_vectors(embeddings, name="embeddings", unit_norm=measure.needs_unit_norm)
    if len(rows) < 2:
        raise ValueError(f"`embeddings` needs at least two items to compare: got {len(rows)}.\n  Pass more rows.")
    vocabulary = LabelVocabulary()
    codes = np.full(len(rows), NO_LABEL, np.int32) if labels is None else vocabulary.encode(labels)
    check_same_length(len(rows), codes, name="labels", what="embeddings")
    index = Index(rows.shape[1], measure, engine="exact")
    numbers = index.add(rows)
    names = numbers if ids is None else as_ids(ids)
    check_same_length(len(rows), names, name="ids", what="embeddings")
    result = search_others(index, rows, min(check_k(k), len(rows) - 1), numbers)
    return NeighborGraph(
        names,
        codes,
        vocabulary,
        result.ids,
        _lengths(result.distances, measure),
        _own_lengths(rows, codes, measure),
        measure.name,
    )


def index_graph(index: Index, ids: Any, *, k: int = 20) -> NeighborGraph:
    """Find the nearest others of the items of an index, among these items; see `neighbor_graph`.

    Args:
        index: Holds them.
        ids: Which ones; at least two.
        k: How many others, ≥ 1.

    Raises:
        UnknownIdError: the index holds no such item.
        ValueError: see `neighbor_graph`.

    Example:
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [1.5], [9.0]], ids=["p", "q", "r", "s"])
        >>> graph = index_graph(index, ["p", "q", "s"], k=1)  # as if "r" were not there
        >>> graph.ids[graph.rows[:, 0]].tolist()
        ['q', 'p', 'q']
    """
    records = index.get(ids)
    rows = np.stack([record.embedding for record in records]) if records else np.empty((0, index.dim), np.float32)
    labels = [record.label for record in records]
    return neighbor_graph(rows, labels, ids=[record.id for record in records], k=k, distance=index.distance)


def _lengths(distances: NDArray[np.float32], measure: Distance) -> Lengths:
    wide = distances.astype(np.float64)
    return np.sqrt(wide) if measure.name in SQUARED else wide


def _own_lengths(rows: NDArray[np.float32], codes: NDArray[np.int32], measure: Distance) -> Lengths:
    """Return how far the nearest others of the same label are, `(n, OWN)`."""
    found = np.full((len(rows), OWN), np.inf)
    order = np.argsort(codes, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if codes[members[0]] == NO_LABEL or len(members) == 1:
            continue
        count = min(OWN, len(members) - 1)
        gallery = rows[members]
        for part, distances in ExactDistances(gallery, measure).blocks(gallery, np.arange(len(members))):
            distances[np.arange(len(part)), part] = np.inf  # the item itself
            nearest = np.sort(np.partition(distances, count - 1, axis=1)[:, :count], axis=1)
            found[members[part], :count] = _lengths(nearest, measure)
    return found
