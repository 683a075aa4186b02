"""What a report is made from: the items of an index, or a fair sample of them, and their neighbours."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.core.results import Record
from keras_similarity.evaluate import LabeledQueries, find_labeled
from keras_similarity.index import Index
from keras_similarity.inspection import NeighborGraph, neighbor_graph

__all__ = ["LeftOut", "ReportData"]

MOST_ITEMS = 10_000  # looked at for what is wrong with the data, and on the map
MOST_QUERIES = 2000
DEPTH = 50  # neighbours in which a query's first right one is looked for
GRAPH_NEIGHBORS = 20


class LeftOut(Exception):
    """Why a section is left out: it has nothing to say."""


@dataclass(frozen=True, eq=False)
class ReportData:
    """A sample of an index's items, each of which is a query for the others.

    Args:
        index: All of it: neighbours come from here.
        records: The sample.
        images: An item's record -> its image, or None.
        calibration: Of the index; None without one.
        map_method: Of `project`.
        queries: The numbers of the records that are asked as queries, `(q,)`.
    """

    index: Index
    records: list[Record] = field(repr=False)
    images: Callable[[Record], Any] = field(repr=False)
    calibration: CalibrationResults | None
    map_method: str
    queries: NDArray[np.intp] = field(repr=False)

    @classmethod
    def sample(
        cls,
        index: Index,
        images: Callable[[Record], Any],
        calibration: CalibrationResults | None,
        map_method: str,
        seed: int,
    ) -> "ReportData":
        """Draw items from an index, each as likely as any other."""
        ids, rng = list(index), np.random.default_rng(seed)
        if len(ids) > MOST_ITEMS:
            ids = [ids[place] for place in np.sort(rng.choice(len(ids), MOST_ITEMS, replace=False))]
        records = index.get(ids)
        labeled = np.array([row for row, record in enumerate(records) if record.label is not None], np.intp)
        if len(labeled) > MOST_QUERIES:
            labeled = np.sort(rng.choice(labeled, MOST_QUERIES, replace=False))
        return cls(index, records, images, calibration, map_method, labeled)

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        """The embeddings, `(n, d)`."""
        empty = np.empty((0, self.index.dim), np.float32)
        return np.stack([record.embedding for record in self.records]) if self.records else empty

    @cached_property
    def labels(self) -> list[Hashable | None]:
        """The labels, None for an item without one."""
        return [record.label for record in self.records]

    @cached_property
    def label_count(self) -> int:
        """How many labels there are to be told apart."""
        return len({label for label in self.labels if label is not None})

    def need_labels(self) -> None:
        """Leave out a section where there is nothing to be right or wrong about."""
        if self.label_count < 2:
            raise LeftOut(f"This needs items of at least two labels, and the index has {self.label_count or 'none'}.")

    @cached_property
    def found(self) -> LabeledQueries:
        """The labelled queries with their neighbours, themselves left out."""
        self.need_labels()
        chosen = [self.records[row] for row in self.queries.tolist()]
        return find_labeled(
            self.index,
            self.rows[self.queries],
            [record.label for record in chosen],
            k=min(DEPTH, len(self.index) - 1),
            ids=[record.id for record in chosen],
        )

    @cached_property
    def graph(self) -> NeighborGraph:
        """The sample's neighbours in the sample."""
        if len(self.records) < 2:
            raise LeftOut(f"This needs at least two items to compare, and the index has {len(self.records) or 'none'}.")
        ids = [record.id for record in self.records]
        return neighbor_graph(self.rows, self.labels, ids=ids, k=GRAPH_NEIGHBORS, distance=self.index.distance)

    def image_of(self, item_id: Any) -> Any:
        """Return the image of an item of the index, or None."""
        return self.images(self.index.get([item_id])[0])
