"""Who is taken for whom: a table of true labels by predicted ones, no match among them."""

import contextlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length
from keras_similarity.core.labels import LabelVocabulary, label_list

__all__ = ["count_confusions"]


def count_confusions(
    predicted: Any, true: Any, labels: Sequence[Hashable] | None = None
) -> tuple[list[Hashable], NDArray[np.int64]]:
    """Count how often each true label was predicted as each label.

    Args:
        predicted: Labels `(n,)` of any kind, such as what `match` returned; None and whatever stands for no match are
            labels like others.
        true: Labels `(n,)`.
        labels: Which ones, in this order; None for all of them, sorted, where they can be.

    Returns:
        The labels, and counts `(c, c)`: a row for each true label, a column for each predicted one. Items with a label
        that is not asked for are left out.

    Raises:
        ValueError: different lengths.

    Example:
        >>> labels, counts = count_confusions(["a", None, "b"], ["a", "a", "a"], ["a", "b", None])
        >>> counts.tolist()
        [[1, 1, 1], [0, 0, 0], [0, 0, 0]]
    """
    ours, theirs = label_list(list(predicted), name="predicted"), label_list(true, name="true")
    check_same_length(len(theirs), ours, name="predicted", what="true")
    names = _all_labels([*theirs, *ours]) if labels is None else list(labels)
    vocabulary = LabelVocabulary((label,) for label in names)  # wrapped, since None has no code of its own
    rows, columns = (vocabulary.find([(label,) for label in column]) for column in (theirs, ours))
    wanted = (rows >= 0) & (columns >= 0)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (rows[wanted], columns[wanted]), 1)
    return names, counts


def _all_labels(labels: list[Hashable]) -> list[Hashable]:
    distinct: list[Any] = list(dict.fromkeys(labels))
    present = [label for label in distinct if label is not None]
    with contextlib.suppress(TypeError):  # of kinds that have no order among each other: as they come
        present = sorted(present)
    return [*present, *([None] if None in distinct else [])]
