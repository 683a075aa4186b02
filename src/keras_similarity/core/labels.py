"""Labels: any hashable value outside, dense int32 codes inside.

Frameworks cast labels to float or to 32 bits, so that 2²⁴ and 2²⁴ + 1, or two long ids, become one class.
A code is small, dense and exact, and the vocabulary turns it back into the value the user gave.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array

__all__ = ["NO_LABEL", "LabelVocabulary", "check_classes", "label_list"]

NO_LABEL = -1  # the code of a row without a label

PLAIN = frozenset({bool, bytes, float, int, str, tuple, type(None)})


def label_list(labels: Any, *, name: str = "labels") -> list[Hashable]:
    """Return labels as a list of plain Python values.

    Args:
        labels: One label a row: an array or tensor of shape `(n,)` or `(n, 1)`, or any sequence of hashables.
        name: What the caller calls it, for the message.

    Raises:
        ValueError: an array of another shape, or a NaN.
        TypeError: a label that is not hashable.

    Example:
        >>> label_list(np.array([[3], [-1]]))
        [3, -1]
    """
    if isinstance(labels, Sequence) and not isinstance(labels, str | bytes):
        values = list(labels)
        if not all(kind in PLAIN for kind in set(map(type, values))):  # a million names need no look at each
            values = [_plain(label) for label in values]
    else:
        array = as_array(labels)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise ValueError(
                f"`{name}` needs one label per row, shape (n,): got shape {array.shape}.\n"
                "  For one-hot rows, pass `labels.argmax(axis=1)`."
            )
        values = array.tolist()
    _check_usable(values, name)
    return values


class LabelVocabulary:
    """A growing list of distinct labels; the position of a label is its code.

    Two labels are one when Python holds them equal: 1, 1.0 and True are; 1 and "1" are not.

    Args:
        labels: Distinct labels to start with, in the order of their codes.

    Example:
        >>> vocabulary = LabelVocabulary()
        >>> vocabulary.encode(["cat", "dog", "cat"]).tolist(), vocabulary.labels
        ([0, 1, 0], ['cat', 'dog'])
    """

    def __init__(self, labels: Iterable[Hashable] = ()) -> None:
        self.labels: list[Hashable] = list(labels)
        self._codes: dict[Hashable, int] = {label: code for code, label in enumerate(self.labels)}
        self._table: NDArray[Any] | None = None  # of labels by code, made when it is first asked for

    def __len__(self) -> int:
        return len(self.labels)

    def replace(self, labels: Iterable[Hashable]) -> None:
        """Hold other labels from now on, of which the first are those held before."""
        self.labels = list(labels)
        self._codes = {label: code for code, label in enumerate(self.labels)}
        self._table = None

    def encode(self, labels: Any) -> NDArray[np.int32]:
        """Return codes `(n,)`, adding labels never seen before; a None is `NO_LABEL`."""
        values = label_list(labels)
        for value in values:
            if value is not None and value not in self._codes:
                self.labels.append(value)  # first: another thread that finds the code finds its label
                self._codes[value] = len(self.labels) - 1
        return self.find(values)

    def find(self, labels: Any) -> NDArray[np.int32]:
        """Return codes `(n,)`, `NO_LABEL` for labels never seen."""
        values = label_list(labels)
        return np.fromiter((self._codes.get(value, NO_LABEL) for value in values), np.int32, len(values))

    def decode(self, codes: NDArray[np.integer]) -> NDArray[Any]:
        """Return the labels of `codes`, in its shape.

        Int64 where every label is an int and every code has one; else an object array with None for `NO_LABEL`.
        """
        table = self._table  # read once: another thread may replace it, or add labels meanwhile
        if table is None or len(table) != len(self.labels) + 1:
            table = self._table = _decoding_table(self.labels.copy())
        labels = table[codes]  # NO_LABEL is -1: the last entry
        if labels.dtype != object and (len(table) == 1 or (codes.size > 0 and codes.min() == NO_LABEL)):
            labels = labels.astype(object)
            labels[codes == NO_LABEL] = None
        return labels


def check_classes(labels: Any) -> None:
    """Raise a ValueError for a number among labels that is not whole: a score, or a NaN, is no class."""
    values = labels if isinstance(labels, list | tuple) else np.ravel(as_array(labels))
    if getattr(values, "dtype", np.dtype(float)).kind in "iub":
        return
    for value in values:
        if isinstance(value, float | np.floating) and not float(value).is_integer():
            raise ValueError(
                f"`labels` needs classes, which are whole numbers or names: got {float(value)!r}.\n"
                "  Pass class ids; no loss over pairs takes scores."
            )


def _decoding_table(labels: list[Hashable]) -> NDArray[Any]:
    """Return the labels by code, and an entry for none; nobody may change the list meanwhile."""
    if all(type(label) is int and -(2**63) <= label < 2**63 for label in labels):
        return np.array([*labels, 0], np.int64)
    table = np.empty(len(labels) + 1, object)
    for code, label in enumerate(labels):  # one by one: NumPy would unpack a tuple
        table[code] = label
    return table


def _plain(label: Any) -> Any:
    """Return a NumPy scalar or 0-d array as the Python value it holds."""
    return label.item() if isinstance(label, np.generic | np.ndarray) and label.ndim == 0 else label


def _check_usable(values: list[Any], name: str) -> None:
    try:
        distinct = set(values)
    except TypeError as error:
        row = next(row for row, value in enumerate(values) if not _is_hashable(value))
        raise TypeError(
            f"`{name}` needs hashable values: row {row} is a {type(values[row]).__name__}.\n"
            "  Pass an int, a string or a tuple for each row."
        ) from error
    if any(value != value for value in distinct):  # only a NaN differs from itself
        row = next(row for row, value in enumerate(values) if value != value)
        raise ValueError(
            f"`{name}` cannot be NaN, which equals nothing: row {row} is.\n  Pass None for a row without a label."
        )


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
