"""Hard negatives, mined offline: what lies near an item and is something else, from an index of anything."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice, check_number, check_whole
from keras_similarity.core.distances import pairwise_distances
from keras_similarity.core.extras import import_extra
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.evaluate.searching import DEEPENING
from keras_similarity.index import Index

__all__ = ["HardNegatives", "mine_hard_negatives"]

BLOCK = 1024  # anchors searched at a time: memory stays the same for any number
HINT = "Pass a number in units of the index's distance."


@dataclass(frozen=True, eq=False)
class HardNegatives:
    """Triplets of ids: an anchor, an item of its label, and one near it that has another; a row each.

    Args:
        anchors, positives, negatives: Ids, `(t,)`.
        positive_distances, negative_distances: How far they are from the anchor, `(t,)`.
        ranks: The place of the negative among the anchor's neighbours of other labels, `(t,)`, 1 for the nearest.

    Example:
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [1.5], [9.0]], ["a", "a", "b", "b"])
        >>> found = mine_hard_negatives(index)
        >>> found.anchors[found.negative_distances < found.positive_distances].tolist()  # lie nearer to another label
        [1, 2]
    """

    anchors: NDArray[Any] = field(repr=False)
    positives: NDArray[Any] = field(repr=False)
    negatives: NDArray[Any] = field(repr=False)
    positive_distances: NDArray[np.float32] = field(repr=False)
    negative_distances: NDArray[np.float32] = field(repr=False)
    ranks: NDArray[np.int64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.anchors)

    def to_pandas(self) -> Any:
        """Return a data frame with a line for each triplet.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        pandas = import_extra("pandas", extra="data", purpose="a table of triplets")
        return pandas.DataFrame(
            {
                "anchor": self.anchors,
                "positive": self.positives,
                "negative": self.negatives,
                "positive_distance": self.positive_distances,
                "negative_distance": self.negative_distances,
                "rank": self.ranks,
            }
        )


def mine_hard_negatives(
    index: Index,
    ids: Any = None,
    *,
    negatives_per_anchor: int = 1,
    min_rank: int = 1,
    max_rank: int = 50,
    min_distance: float | None = None,
    max_distance: float | None = None,
    relative_margin: float | None = None,
    sampling: str = "top",
    seed: int = 0,
) -> HardNegatives:
    """Return, for each anchor, items near it that carry another label, each beside its nearest item of the same label.

    The very nearest are often wrongly labelled: `min_rank`, `min_distance` and `relative_margin` leave them out. With
    row numbers as ids, as an index gives them by itself, the answer feeds a sampler:
    `TripletSampler(x[found.anchors], x[found.positives], x[found.negatives])`.

    Args:
        index: Holds the corpus, with labels.
        ids: The anchors; None for every item with a label. An anchor alone in its label is left out.
        negatives_per_anchor: At most so many of each, ≥ 1; fewer where fewer qualify.
        min_rank, max_rank: Which of the anchor's neighbours of other labels, nearest first, from 1; both included.
        min_distance, max_distance: Only negatives as far as this; None for any.
        relative_margin: Only negatives that are farther than the positive by this fraction of its distance: 0.05 for
            5%; None for any. Below 0 lets them be nearer.
        sampling: "top" takes the nearest that qualify, "random" any of them.
        seed: Of the random choice.

    Returns:
        Triplets, anchors in the order of `ids`, the negatives of each nearest first.

    Raises:
        ValueError: a number out of its range, or no item with a label.
        UnknownIdError: the index holds no such anchor.

    Cost: a search of about `max_rank` and the anchor's label deep, and the distances inside every label.

    Example:
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [1.5], [9.0]], ["a", "a", "b", "b"])
        >>> found = mine_hard_negatives(index)
        >>> found.negatives.tolist(), found.positives.tolist()
        ([2, 2, 1, 1], [1, 0, 3, 2])

    References:
        Xiong et al., Approximate nearest neighbor negative contrastive learning, 2020, arXiv:2007.00808.
        Moreira et al., NV-Retriever (margins to the positive), 2024, arXiv:2407.15831.
    """
    per_anchor = check_whole(negatives_per_anchor, name="negatives_per_anchor", minimum=1)
    first = check_whole(min_rank, name="min_rank", minimum=1)
    depth = check_whole(max_rank, name="max_rank", minimum=first)
    check_choice(sampling, ("random", "top"), name="sampling")
    least = -np.inf if min_distance is None else check_number(min_distance, name="min_distance", hint=HINT)
    most = np.inf if max_distance is None else check_number(max_distance, name="max_distance", hint=HINT)
    margin = None if relative_margin is None else check_number(relative_margin, name="relative_margin", hint=HINT)
    items = _Labelled(index)
    anchors = items.anchors(ids)
    rng = np.random.default_rng(seed)
    positives, gaps = items.nearest_positives(anchors)
    parts = []
    for start in range(0, len(anchors), BLOCK):
        rows = slice(start, start + BLOCK)
        found, distances = items.nearest_others(anchors[rows], depth)
        rank = np.arange(1, depth + 1)
        usable = (found >= 0) & (rank >= first) & (distances >= least) & (distances <= most)
        if margin is not None:
            usable &= distances >= (gaps[rows] + margin * np.abs(gaps[rows]))[:, None]
        order = np.where(usable, rng.random(usable.shape) if sampling == "random" else rank, np.inf)
        chosen = np.sort(np.argsort(order, axis=1, kind="stable")[:, :per_anchor], axis=1)
        line, column = np.nonzero(np.take_along_axis(usable, chosen, axis=1))
        column = chosen[line, column]
        parts.append((line + start, found[line, column], distances[line, column], column + 1))
    line, negatives, distances, ranks = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    names = items.ids
    return HardNegatives(
        names[anchors[line]], names[positives[line]], names[negatives],
        gaps[line].astype(np.float32), distances.astype(np.float32), ranks.astype(np.int64),
    )  # fmt: skip


class _Labelled:
    """The items of an index, by number."""

    def __init__(self, index: Index) -> None:
        self.index = index
        records = list(index.records())
        self.ids = np.empty(len(records), object)
        self.ids[:] = [record.id for record in records]
        self.numbers = {name: number for number, name in enumerate(self.ids.tolist())}
        if all(type(name) is int for name in self.numbers):
            self.ids = self.ids.astype(np.int64)
        self.codes = LabelVocabulary().encode([record.label for record in records])
        self.embeddings = (
            np.stack([record.embedding for record in records]) if records else np.empty((0, index.dim), np.float32)
        )
        self.counts = np.bincount(self.codes[self.codes != NO_LABEL], minlength=1)

    def anchors(self, ids: Any) -> NDArray[np.int64]:
        """Return the numbers of the anchors that have a positive."""
        if ids is None:
            numbers = np.flatnonzero(self.codes != NO_LABEL)
        else:
            numbers = np.array([self.numbers[record.id] for record in self.index.get(ids)], np.int64)
            numbers = numbers[self.codes[numbers] != NO_LABEL]
        numbers = numbers[self.counts[self.codes[numbers]] > 1]
        if not len(numbers):
            raise ValueError(
                "`index` needs anchors: no item asked for shares its label with another.\n"
                "  Add labels to the index, or pass `ids` of items whose label has two examples or more."
            )
        return numbers

    def nearest_positives(self, anchors: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return each anchor's nearest item of its label, and how far it is."""
        found, gaps = np.empty(len(anchors), np.int64), np.empty(len(anchors))
        order = np.argsort(self.codes, kind="stable")
        for code in np.unique(self.codes[anchors]).tolist():
            members = order[slice(*np.searchsorted(self.codes[order], [code, code + 1]))]
            own = np.flatnonzero(self.codes[anchors] == code)
            for lines in np.array_split(own, -(-len(own) // BLOCK)):
                distances = pairwise_distances(
                    self.embeddings[anchors[lines]], self.embeddings[members], self.index.distance
                ).astype(np.float64)
                distances[anchors[lines][:, None] == members] = np.inf
                found[lines] = members[distances.argmin(axis=1)]
                gaps[lines] = distances.min(axis=1)
        return found, gaps

    def nearest_others(self, anchors: NDArray[np.int64], depth: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return each anchor's nearest items of other labels `(a, depth)`, -1 for none, and how far they are."""
        found = np.full((len(anchors), depth), -1, np.int64)
        distances = np.full((len(anchors), depth), np.inf)
        waiting, k = np.arange(len(anchors)), min(2 * depth, len(self.ids))
        while len(waiting):
            result = self.index.search(self.embeddings[anchors[waiting]], k)
            numbers = np.array([[self.numbers.get(name, -1) for name in row] for row in result.ids.tolist()], np.int64)
            codes = np.where(numbers >= 0, self.codes[numbers], NO_LABEL)
            other = (codes != NO_LABEL) & (codes != self.codes[anchors[waiting]][:, None])
            columns = np.argsort(~other, axis=1, kind="stable")[:, :depth]
            present = np.take_along_axis(other, columns, axis=1)
            width = columns.shape[1]
            found[waiting, :width] = np.where(present, np.take_along_axis(numbers, columns, axis=1), -1)
            distances[waiting, :width] = np.where(
                present, np.take_along_axis(result.distances, columns, axis=1), np.inf
            )
            short = (other.sum(axis=1) < depth) & (k < len(self.ids))
            waiting, k = waiting[short], min(DEEPENING * k, len(self.ids))
        return found, distances
