"""Which points lie inside a polygon."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["inside_polygon"]


def inside_polygon(points: NDArray[np.float32], corners: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows of the points inside, ascending; where the outline crosses itself, by the even-odd rule.

    Args:
        points: `(n, 2)`.
        corners: `(m, 2)`, m ≥ 3; the last is joined to the first.

    Cost: O(n) time, and O(m) for each point inside the polygon's bounding box.

    References:
        Shimrat, Algorithm 112: Position of point relative to polygon, 1962.
    """
    near = ((points >= corners.min(axis=0)) & (points <= corners.max(axis=0))).all(axis=1)
    rows = np.flatnonzero(near)
    x, y = points[rows].T.astype(np.float64)
    inside = np.zeros(len(rows), bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return rows[inside]
