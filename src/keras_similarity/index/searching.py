"""One search over the rows of one moment: block by block, then the nearest of all, then their ids and labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_k
from keras_similarity.core.distances import Distance
from keras_similarity.core.item_ids import MISSING_ID
from keras_similarity.core.labels import NO_LABEL, LabelVocabulary
from keras_similarity.core.results import Record, SearchResult
from keras_similarity.index.rows import Floats, Positions, Rows
from keras_similarity.index.selection import Selection

__all__ = ["as_result", "check_depth", "check_max_distance", "nearest_rows", "within", "without"]

MOST_MISSING = 2**20  # neighbours asked for beyond the size of the index


def nearest_rows(
    distance: Distance,
    rows: Rows,
    queries: Floats,
    k: int,
    *,
    selection: Selection | None = None,
    exact: bool = False,
) -> tuple[Positions, Floats]:
    """Return positions and distances `(q, k)`, nearest first; position -1 and +inf where there are fewer.

    Args:
        distance: What compares.
        rows: Where to search.
        queries: Checked rows `(q, d)`.
        k: ≥ 1.
        selection: Which positions may be found, none of them removed; None for all that are live.
        exact: Whether to look at every row where a graph would answer.
    """
    selection = rows.selection if selection is None else selection
    parts: list[tuple[Positions, Floats]] = []
    for number, block in enumerate(rows.blocks):
        start, stop = rows.starts[number], rows.starts[number + 1]
        if start == stop:
            continue
        part = None if selection is None else selection.part(start, stop)
        if block.graph is None or exact:
            places, distances = block.scan.search(block.matrix, queries, k, selection=part)
        else:
            places, distances = block.graph.search(distance, block.scan, block.matrix, queries, k, part)
        parts.append((places + start if start else places, distances))
    return _merged(parts, len(queries), k)


def _merged(parts: list[tuple[Positions, Floats]], count: int, k: int) -> tuple[Positions, Floats]:
    if len(parts) == 1:
        positions, distances = parts[0]
    else:
        none = np.empty((count, 0))
        positions = np.concatenate([none.astype(np.intp), *(part for part, _ in parts)], axis=1)
        distances = np.concatenate([none.astype(np.float32), *(part for _, part in parts)], axis=1)
        order = np.lexsort((positions, distances))[:, :k]
        positions, distances = np.take_along_axis(positions, order, 1), np.take_along_axis(distances, order, 1)
    missing = k - positions.shape[1]
    if missing == 0:
        return positions, distances
    return (
        np.concatenate([positions, np.full((count, missing), -1, np.intp)], axis=1),
        np.concatenate([distances, np.full((count, missing), np.inf, np.float32)], axis=1),
    )


def without(positions: Positions, distances: Floats, excluded: Positions) -> tuple[Positions, Floats]:
    """Drop one position from each row of a result of k + 1 neighbours; where it is not there, drop the last."""
    drop = positions == excluded[:, None]
    drop[~drop.any(axis=1), -1] = True
    shape = (len(positions), positions.shape[1] - 1)
    return positions[~drop].reshape(shape), distances[~drop].reshape(shape)


def within(positions: Positions, distances: Floats, max_distance: float) -> tuple[Positions, Floats]:
    """Turn neighbours farther than `max_distance` into missing ones."""
    far = distances > max_distance
    return np.where(far, -1, positions), np.where(far, np.float32(np.inf), distances)


def as_result(rows: Rows, vocabulary: LabelVocabulary, positions: Positions, distances: Floats, k: int) -> SearchResult:
    """Return found positions and distances `(q, m)` as a result of k columns."""
    missing = k - positions.shape[1]
    if missing:
        positions = np.pad(positions, ((0, 0), (0, missing)), constant_values=-1)
        distances = np.pad(distances, ((0, 0), (0, missing)), constant_values=np.inf)
    ids: NDArray[Any] = np.full(positions.shape, MISSING_ID) if len(rows) == 0 else rows.ids[positions]
    codes = np.full(positions.shape, NO_LABEL, np.int32) if len(rows) == 0 else rows.codes[positions]
    # Missing neighbours are last in their rows.
    if positions.size and (positions[-1, -1] < 0 or (len(positions) > 1 and positions[:, -1].min() < 0)):
        none = positions < 0
        ids[none] = None if ids.dtype == object else MISSING_ID
        codes[none] = NO_LABEL
    labels = vocabulary.decode(codes)

    def fetch(row: int, column: int) -> Record:
        return rows.record(int(positions[row, column]), labels[row : row + 1, column].tolist()[0])

    return SearchResult(ids, distances, labels, fetch)


def check_depth(k: Any, count: int) -> int:
    """Return k as an int from 1 to far beyond the size of the index, or raise a ValueError."""
    if type(k) is int and 0 < k <= MOST_MISSING:
        return k
    k = check_k(k)
    if k > max(count, MOST_MISSING):
        raise ValueError(
            f"`k` may be at most {MOST_MISSING:,}, or the size of the index where that is more: got {k}, and the index "
            f"has {count:,} rows.\n  Pass k={max(count, 1)} for every item."
        )
    return k


def check_max_distance(value: Any) -> float | None:
    """Return the limit as a float, or raise a ValueError."""
    if value is None:
        return None
    number = float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else None
    if number is None or number != number:
        raise ValueError(
            f"`max_distance` must be a number in units of the index's distance: got {value!r}.\n"
            "  Pass None for no limit."
        )
    return number
