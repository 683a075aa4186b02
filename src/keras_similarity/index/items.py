"""What `add` was given, checked: nothing in it can fail later, so an item is added whole or not at all."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_vectors, check_same_length
from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import INT64, Ids
from keras_similarity.core.label_json import check_label_types
from keras_similarity.core.labels import label_list
from keras_similarity.index.columns import Block, as_block
from keras_similarity.index.metadata import Metadata, as_metadata
from keras_similarity.index.rows import Floats

__all__ = ["Items", "Space", "check_beside", "fresh_ids"]

LARGEST_HALF = 65504.0


@dataclass(frozen=True, slots=True)
class Space:
    """What vectors an index holds.

    Args:
        dim: Width of the rows that come.
        distance: What compares them.
        dtype: What they are kept as.
        width: How many of their first numbers are kept.
    """

    dim: int
    distance: Distance
    dtype: np.dtype[Any]
    width: int

    def queries(self, values: Any, *, name: str = "queries") -> Floats:
        """Return checked rows, float32 and as wide as they are kept; rows that are so already come as they are."""
        if self.width != self.dim and _width_of(values) == self.width:
            return as_vectors(values, name=name, dim=self.width, unit_norm=self.distance.needs_unit_norm)
        return self._cut(values, name)

    def _cut(self, values: Any, name: str) -> Floats:
        unit_norm = self.distance.needs_unit_norm
        if self.width == self.dim:
            return as_vectors(values, name=name, dim=self.dim, unit_norm=unit_norm)
        whole = as_vectors(values, name=name, dim=self.dim)
        return as_vectors(np.ascontiguousarray(whole[:, : self.width]), name=name, unit_norm=unit_norm)

    def embeddings(self, values: Any) -> NDArray[Any]:
        """Return checked rows in the type they are kept in; empty input of any shape is no rows."""
        rows = self._cut(np.empty((0, self.dim)) if _has_no_row(values) else values, "embeddings")
        if self.dtype == np.float32:
            return rows
        if len(rows) and np.abs(rows).max() > LARGEST_HALF:
            row = int((np.abs(rows) > LARGEST_HALF).any(axis=1).argmax())
            raise ValueError(
                f"`embeddings` needs numbers up to {LARGEST_HALF:.0f} for storage='float16': row {row} holds "
                f"{np.abs(rows[row]).max():.6g}.\n  Use storage='float32', or scale the rows."
            )
        halves = rows.astype(self.dtype)
        as_vectors(halves, name="embeddings", unit_norm=self.distance.needs_unit_norm)  # what rounding left of them
        return halves


@dataclass(frozen=True, slots=True)
class Items:
    """Rows to add, and what is kept beside them.

    Args:
        ids: `(n,)`, each once.
        vectors: `(n, d)`, in the type they are kept in.
        labels: One per row, or None.
        data: One value per row, or None.
        metadata: One object per row, or None.
    """

    ids: Ids
    vectors: NDArray[Any]
    labels: list[Hashable] | None = None
    data: Block | None = None
    metadata: Metadata | None = None

    def next_id(self) -> int:
        """Return the first int above all ids that are ints, 0 without any."""
        whole = self.ids if self.ids.dtype != object else [value for value in self.ids if isinstance(value, int)]
        return int(max(whole)) + 1 if len(whole) else 0


def check_beside(count: int, labels: Any, data: Any, metadata: Any, *, what: str) -> dict[str, Any]:
    """Return checked labels, data and metadata of `count` rows, those that are not None.

    Raises:
        TypeError, ValueError: a value that cannot be kept, or another number of them.
    """
    given: dict[str, Any] = {}
    if labels is not None:
        given["labels"] = label_list(labels)
        check_label_types(given["labels"])
    if data is not None:
        given["data"] = as_block(data, name="data")
    if metadata is not None:
        given["metadata"] = as_metadata(metadata)
    for name, values in given.items():
        check_same_length(count, values, name=name, what=what)
    return given


def _width_of(values: Any) -> int | None:
    try:
        shape = np.shape(values)
    except ValueError:  # rows of different lengths, which are named as such later
        return None
    return shape[1] if len(shape) == 2 else None


def _has_no_row(values: Any) -> bool:
    try:
        return len(values) == 0
    except TypeError:  # a single number, which is named as such later
        return False


def fresh_ids(first: int, count: int) -> NDArray[np.int64]:
    """Return `count` ids from `first` on."""
    if first + count > INT64.max:
        raise ValueError(
            f"`ids` must be given once the counter has reached 64 bits: the next would be {first}.\n"
            "  Pass ids of your own."
        )
    return np.arange(first, first + count, dtype=np.int64)
