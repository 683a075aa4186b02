"""The map of an index: a place for every item, and the few that are drawn at a time."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.label_json import label_to_json
from keras_similarity.index import Index
from keras_similarity.serve.explorer.level_of_detail import drawing_order
from keras_similarity.serve.explorer.polygon import inside_polygon

__all__ = ["IndexMap", "Project"]

Project = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Rows = NDArray[np.intp]

_numbers = itertools.count(1)


class IndexMap:
    """An index as it was at one moment, in the plane.

    Args:
        index: What to draw.
        project: Embeddings `(n, d)` -> places `(n, 2)`, finite.
        most_points: That are drawn at a time.
        seed: Of which those are.

    Cost: the projection's.
    """

    def __init__(self, index: Index, project: Project, most_points: int, seed: int) -> None:
        moment = index.arrays()
        self.number = next(_numbers)  # rows mean something in this map alone
        self.generation = moment.generation
        self.ids, self.codes, self.labels = moment.ids, moment.codes, moment.labels
        self.places = project(moment.embeddings) if len(self.ids) else np.zeros((0, 2), np.float32)
        self.order = drawing_order(self.codes, seed)
        self._most = most_points
        self._turn = np.empty(len(self.ids), np.int64)  # when a row's turn to be drawn comes
        self._turn[self.order] = np.arange(len(self.ids))

    def describe(self) -> dict[str, Any]:
        """Return what a page needs to begin with: number, size, bounds, and labels with their counts."""
        low, high = (self.places.min(axis=0), self.places.max(axis=0)) if len(self.ids) else (np.zeros(2), np.ones(2))
        counts = np.bincount(self.codes + 1, minlength=len(self.labels) + 1)
        labels = [
            {"label": label_to_json(label), "count": count}
            for label, count in zip(self.labels, counts[1:].tolist(), strict=True)
        ]
        return {
            "map": self.number,
            "size": len(self.ids),
            "drawn": min(self._most, len(self.ids)),
            "bounds": [*low.tolist(), *high.tolist()],
            "labels": labels,
            "unlabelled": int(counts[0]),
        }

    def points(self, rectangle: Sequence[float] | None) -> bytes:
        """Return the points to draw, of all or of those in a rectangle.

        Args:
            rectangle: x0, y0, x1, y1; None for everything.

        Returns:
            Little-endian: how many points (uint32), how many there are to draw (uint32), then rows (uint32), label
            codes (int32), x and y (float32), one after the other.
        """
        rows = self.order[: self._most]
        total = len(self.ids)
        if rectangle is not None:
            inside = self._inside(rectangle)
            total = len(inside)
            if total > self._most:
                chosen = np.argpartition(self._turn[inside], self._most)[: self._most]
                inside = inside[chosen]
            rows = inside
        head = np.array([len(rows), total], "<u4")
        x, y = self.places[rows].T
        parts = (head, rows.astype("<u4"), self.codes[rows].astype("<i4"), x.astype("<f4"), y.astype("<f4"))
        return b"".join(part.tobytes() for part in parts)

    def select(self, corners: Sequence[Sequence[float]], hidden: Sequence[int]) -> Rows:
        """Return every row inside a polygon, drawn or not, but those of hidden labels."""
        rows = inside_polygon(self.places, np.array(corners, np.float64))
        return rows[~np.isin(self.codes[rows], hidden)] if hidden else rows

    def locate(self, ids: Sequence[int | str]) -> list[dict[str, Any] | None]:
        """Return where items are, None for one that came later or has no place."""
        wanted = set(ids)
        rows = [row for row, item_id in enumerate(self.ids.tolist()) if item_id in wanted]
        found = {item["id"]: item for item in self.items(np.array(rows, np.intp))}
        return [found.get(item_id) for item_id in ids]

    def items(self, rows: Rows) -> list[dict[str, Any]]:
        """Return id, label code and place of some rows."""
        places = self.places[rows].tolist()
        columns = zip(rows.tolist(), self.ids[rows].tolist(), self.codes[rows].tolist(), places, strict=True)
        return [{"row": row, "id": item_id, "code": code, "x": x, "y": y} for row, item_id, code, (x, y) in columns]

    def _inside(self, rectangle: Sequence[float]) -> Rows:
        x0, y0, x1, y1 = rectangle
        x, y = self.places.T
        return np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
