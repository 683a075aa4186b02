"""Queries whose labels are known, with their neighbours: which of them an index can answer at all."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_k, check_same_length
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary, label_list
from keras_similarity.core.results import SearchResult
from keras_similarity.evaluate.decisions import Decisions
from keras_similarity.evaluate.searching import LabeledIndex, as_query_ids, search_without

__all__ = ["LabeledQueries", "find_labeled"]


@dataclass(frozen=True, eq=False)
class LabeledQueries:
    """The neighbours of queries, their true labels, and whether the gallery holds these.

    Args:
        result: The neighbours `(q, k)`.
        labels: True labels, `(q,)`.
        known: Whether the gallery holds an item of that label, other than the query itself, `(q,)`.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0], [5.0]], ["a", "a", "b"])
        >>> find_labeled(index, [[0.2], [4.0]], ["a", "c"], k=1).known.tolist()  # the index holds no "c"
        [True, False]
        >>> find_labeled(index, [[0.0], [5.0]], ["a", "b"], k=1, ids=[0, 2]).known.tolist()  # nor another "b"
        [True, False]
    """

    result: SearchResult
    labels: list[Hashable]
    known: NDArray[np.bool_]

    def right(self, decisions: Decisions) -> NDArray[np.bool_]:
        """Return for which queries the neighbours decided on the true label, `(q,)`."""
        return self.known & (decisions.codes != NO_LABEL) & (decisions.vocabulary.find(self.labels) == decisions.codes)

    def label_kinds(self) -> str:
        """Return examples of both sides' labels with their types, for messages: equal ones must be of one type."""
        held = next((label for label in self.result.labels.ravel().tolist() if label is not None), None)
        example = next((label for label in self.labels if label is not None), None)
        return (
            f"they are such as {example!r} ({type(example).__name__}), the index's such as {held!r} "
            f"({type(held).__name__})"
        )


def find_labeled(
    index: LabeledIndex,
    queries: Any,
    labels: Any,
    *,
    k: int,
    ids: Any = None,
    unknown_classes: Sequence[Hashable] = (),
) -> LabeledQueries:
    """Search queries whose labels are known.

    Args:
        index: Where to search.
        queries: Embeddings `(q, d)`, q ≥ 1.
        labels: Their true labels, `(q,)`; None for a query of no class.
        k: How many neighbours.
        ids: For queries that are items of the index: the id of each, which is left out of its own neighbours.
        unknown_classes: Labels that are hidden from the search, so that their queries are of unknown classes.

    Raises:
        ValueError: no queries, another number of labels or ids.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [1.0]], ["a", "b"])
        >>> find_labeled(index, [[0.2]], ["a"], k=2).result.labels.tolist()
        [['a', 'b']]
    """
    rows = as_vectors(queries, name="queries")
    true_labels = label_list(labels)
    check_same_length(len(rows), true_labels, name="labels", what="queries")
    if len(rows) == 0:
        raise ValueError("`queries` needs at least one: got none.\n  Pass embeddings of shape (q, d).")
    own_ids = as_query_ids(ids, len(rows))
    result = search_without(index, rows, check_k(k), own_ids, label_list(list(unknown_classes)))
    vocabulary = LabelVocabulary()
    codes = vocabulary.encode(true_labels)
    counts = np.append(index.label_counts(vocabulary.labels), 0)[codes]
    if own_ids is not None:
        counts = counts - index.contains(own_ids)
    hidden = np.isin(codes, vocabulary.find(list(unknown_classes)))
    return LabeledQueries(result, true_labels, (counts > 0) & ~hidden)
