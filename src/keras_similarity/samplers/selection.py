"""Which examples a sampler draws from: chosen classes, and at most so many examples of each."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_same_length, check_whole
from keras_similarity.core.labels import label_list
from keras_similarity.core.rows import as_rows, count_rows, take_rows

__all__ = ["class_labels", "encode_classes", "kept_rows", "select_examples"]


def select_examples(
    x: Any,
    y: Any,
    class_list: Iterable[Any] | None = None,
    num_examples_per_class: int | None = None,
    *,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Return some of the examples, shuffled, each at most once.

    Args:
        x: Examples `(n, …)`.
        y: Their labels, `(n,)`, any hashable values.
        class_list: The labels to keep; None for all.
        num_examples_per_class: How many of each class; all of a class that has fewer. None for all.
        seed: Of the choice and the order; None for another each time.

    Returns:
        x and y of the chosen examples.

    Raises:
        ValueError: x and y of different lengths, a class in `class_list` without examples, a label that is None or NaN,
            a number below 1.

    Example:
        >>> x, y = select_examples(np.arange(6), list("aabbcc"), class_list=["a", "b"], num_examples_per_class=1)
        >>> sorted(y)
        ['a', 'b']
    """
    x = as_rows(x, name="x", inputs=len(x) if isinstance(x, tuple) else 1)
    labels = class_labels(y, name="y")
    check_same_length(count_rows(x), labels, name="y", what="x")
    rng = np.random.default_rng(seed)
    codes, distinct = encode_classes(labels)
    kept = kept_rows(codes, distinct, class_list, num_examples_per_class, rng, most_name="num_examples_per_class")
    rows = rng.permutation(kept)
    return take_rows(x, rows), y[rows] if isinstance(y, np.ndarray) else [labels[row] for row in rows.tolist()]


def class_labels(y: Any, *, name: str) -> list[Hashable]:
    """Return one label per example, or raise a ValueError for an example without one.

    Example:
        >>> class_labels(np.array([3, 3, 7]), name="y")
        [3, 3, 7]
        >>> class_labels(["cat", None], name="y")
        Traceback (most recent call last):
        ValueError: `y` needs a label for every example: row 1 has none.
          Leave such examples out, or give them a class of their own.
    """
    if hasattr(y, "isna"):  # pandas: its missing values are of several kinds
        missing = np.flatnonzero(np.asarray(y.isna(), bool))
        labels = [] if len(missing) else label_list(y.tolist(), name=name)
    else:
        labels = label_list(y, name=name)
        missing = [labels.index(None)] if None in labels else []
    if len(missing):
        raise ValueError(
            f"`{name}` needs a label for every example: row {int(missing[0])} has none.\n"
            "  Leave such examples out, or give them a class of their own."
        )
    return labels


def encode_classes(labels: list[Hashable]) -> tuple[NDArray[np.int32], list[Hashable]]:
    """Return codes `(n,)` in the order in which labels are first seen, and the label of each code.

    Example:
        >>> codes, labels = encode_classes(["cat", "ant", "cat"])
        >>> codes.tolist(), labels
        ([0, 1, 0], ['cat', 'ant'])
    """
    table = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return np.fromiter(map(table.__getitem__, labels), np.int32, len(labels)), list(table)


def kept_rows(
    codes: NDArray[np.int32],
    distinct: list[Hashable],
    class_list: Iterable[Any] | None,
    most: int | None,
    rng: np.random.Generator,
    *,
    most_name: str = "total_examples_per_class",
) -> NDArray[np.int64]:
    """Return the rows of the chosen classes, at most so many of each, in their original order.

    Example:
        >>> codes, labels = encode_classes(list("aabbcc"))
        >>> kept_rows(codes, labels, ["a", "c"], None, np.random.default_rng(0)).tolist()
        [0, 1, 4, 5]
    """
    rows = np.arange(len(codes))
    if class_list is not None:
        rows = np.flatnonzero(_is_wanted(distinct, class_list)[codes])
    if most is not None:
        most = check_whole(most, name=most_name, minimum=1)
        shuffled = rng.permutation(rows)
        order = np.argsort(codes[shuffled], kind="stable")
        grouped = codes[shuffled][order]
        rank = np.arange(len(grouped)) - np.searchsorted(grouped, grouped)
        rows = np.sort(shuffled[order][rank < most])
    return rows


def _is_wanted(distinct: list[Hashable], class_list: Any) -> NDArray[np.bool_]:
    """Return whether each class is on the list, which may be an array or tensor of any framework."""
    is_array = hasattr(class_list, "__array__") or hasattr(class_list, "detach")
    wanted = set(label_list(class_list if is_array else list(class_list), name="class_list"))
    missing = wanted - set(distinct)
    if missing or not wanted:
        raise ValueError(
            f"`class_list` names classes without examples: {sorted(missing, key=repr)[:5]}.\n"
            "  Take them off the list, or check how the labels are written (1 and '1' differ)."
        )
    return np.fromiter((label in wanted for label in distinct), bool, len(distinct))
