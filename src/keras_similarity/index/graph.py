"""An approximate engine with the effort that reaches the recall asked for, and how it was found out."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_similarity.core.checks import LEAST_SQUARE
from keras_similarity.core.distances import Distance
from keras_similarity.index.efforts import least_effort
from keras_similarity.index.engines.exact import SPARSE, ExactEngine
from keras_similarity.index.engines.ordering import near_first
from keras_similarity.index.engines.pairs import nearest_of, pair_distances
from keras_similarity.index.engines.protocol import SearchEngine
from keras_similarity.index.rows import Floats, Matrix, Positions
from keras_similarity.index.selection import Selection

__all__ = ["EngineReport", "Graph", "measure_recall", "tune"]

TUNED_K = 10  # recall is measured among so many neighbours
LEAST_SAMPLE, MOST_SAMPLE = 256, 1024  # queries that recall is measured with,
SAMPLE_NUMBERS = 2**36  # fewer where an exact search of so many times rows times width would take minutes
MARGIN = 0.25  # of the misses allowed, kept free: queries to come are a little harder than those it is measured with
FEW_NUMBERS = 2**20  # rows times width that exact search reads as quickly as a graph answers
MANY_QUERIES, MANY_NUMBERS = 64, 2**23  # the same of a selection, gathered once for so many queries
MOST_K = 256  # neighbours up to which a graph is quicker than looking at every row
ROWS_A_NEIGHBOR = 5000  # and one more for so many rows
EQUAL = 1e-6  # distances this close are one: a neighbour as near as the k-th counts as found


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What answers searches, and how well.

    Args:
        engine: Its name; "exact" looks at every row.
        reason: Why this one.
        recall: Share of the 10 nearest that it finds, measured against exact search for queries near the rows; 1.0 for
            exact search.
        target: The recall asked for.
        effort: The setting that reached it, in units of the engine; 0 for exact search.
        sample: How many queries it was measured with.
        rows: How many rows it covers.
        bytes: Memory it takes beside the rows.

    Example:
        >>> from keras_similarity import Index
        >>> index = Index(2, "euclidean")
        >>> ids = index.add([[0, 0], [3, 4]])
        >>> report = index.build()
        >>> report.engine, report.recall, report.rows
        ('exact', 1.0, 2)
    """

    engine: str
    reason: str
    recall: float
    target: float
    effort: int
    sample: int
    rows: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """An engine over one block, tuned."""

    engine: SearchEngine
    report: EngineReport

    def search(
        self,
        distance: Distance,
        scan: ExactEngine,
        matrix: Matrix,
        queries: Floats,
        k: int,
        selection: Selection | None,
    ) -> tuple[Positions, Floats]:
        """Return rows and distances `(q, k)` like `ExactEngine.search`, which answers where a graph would not do."""
        allowed = len(matrix) if selection is None else selection.count
        k = min(k, allowed)
        sparse = allowed * SPARSE < len(matrix)
        most = MANY_NUMBERS if sparse and len(queries) >= MANY_QUERIES else FEW_NUMBERS
        few = allowed * matrix.shape[1] <= most or k > MOST_K + len(matrix) // ROWS_A_NEIGHBOR
        if few or 4 * k > allowed or len(queries) == 0:
            return scan.search(matrix, queries, k, selection=selection)
        order = near_first(matrix, queries)
        if order is None:
            return self._nearest(distance, scan, matrix, queries, k, selection)
        found = self._nearest(distance, scan, matrix, queries[order], k, selection)
        places = np.argsort(order)
        return found[0][places], found[1][places]

    def _nearest(
        self,
        distance: Distance,
        scan: ExactEngine,
        matrix: Matrix,
        queries: Floats,
        k: int,
        selection: Selection | None,
    ) -> tuple[Positions, Floats]:
        share = (len(matrix) if selection is None else selection.count) / len(matrix)
        # Of a selection twice as many rows are asked for: where these are not found, few of it are near the query.
        wanted = k if selection is None else 2 * k
        effort = self.engine.effort_for(self.report.effort, wanted, share)
        proposed = self.engine.search(queries, wanted, effort, selection)
        rows, distances = nearest_of(distance, matrix, queries, proposed, k)
        if proposed[-1, wanted - 1] < 0 or (len(proposed) > 1 and proposed[:, wanted - 1].min() < 0):
            short = np.flatnonzero(proposed[:, wanted - 1] < 0)
            rows[short], distances[short] = scan.search(matrix, queries[short], k, selection=selection)
        return rows, distances


def tune(
    engine: SearchEngine,
    distance: Distance,
    scan: ExactEngine,
    matrix: Matrix,
    target: float,
    *,
    reason: str,
    seed: int = 0,
) -> Graph:
    """Find the smallest effort that reaches a recall, by bisection; the largest, where none does."""
    queries = _likely_queries(engine, distance, matrix, np.random.default_rng(seed))
    k = min(TUNED_K, len(matrix))
    true_rows = scan.search(matrix, queries, k)[0]
    truth = pair_distances(distance, matrix, queries, true_rows)
    aim = target + MARGIN * (1 - target)
    effort, recall = least_effort(
        engine.efforts, lambda effort: measure_recall(engine, distance, matrix, queries, truth, effort), aim
    )
    report = EngineReport(engine.name, reason, recall, target, effort, len(queries), len(matrix), engine.bytes)
    return Graph(engine, report)


def measure_recall(
    engine: SearchEngine, distance: Distance, matrix: Matrix, queries: Floats, truth: Floats, effort: int
) -> float:
    """Return the share of the k nearest that an engine finds.

    Args:
        engine, distance, matrix: What is measured.
        queries: Rows `(s, d)`.
        truth: The distances of their k nearest `(s, k)`.
        effort: The engine's setting.
    """
    k = truth.shape[1]
    proposed = engine.search(queries, k, effort, None)
    found = nearest_of(distance, matrix, queries, proposed, k)[1]
    limits = truth.max(axis=1, keepdims=True)
    return float((found <= limits + EQUAL * np.abs(limits)).mean())


def _likely_queries(engine: SearchEngine, distance: Distance, matrix: Matrix, generator: np.random.Generator) -> Floats:
    """Return queries like those to come, which no row equals: a row plus the step between two of its neighbours.

    A row itself is found more easily than what is not indexed. On held-out queries of four data sets these reach the
    same recall at the same effort, to within a quarter of the misses.
    """
    most = SAMPLE_NUMBERS // (len(matrix) * matrix.shape[1])
    count = min(max(most, LEAST_SAMPLE), MOST_SAMPLE, len(matrix))
    rows = np.sort(generator.choice(len(matrix), count, replace=False))
    queries = matrix.take(rows)
    near = min(TUNED_K + 1, len(matrix))
    proposed = engine.search(queries, near, engine.efforts[len(engine.efforts) // 2], None)
    neighbors = nearest_of(distance, matrix, queries, proposed, near)[0]
    chosen = generator.permuted(np.broadcast_to(np.arange(1, near), (count, near - 1)), axis=1)[:, :2]
    first, second = np.take_along_axis(neighbors, chosen, axis=1).T
    sound = (first >= 0) & (second >= 0)
    steps = matrix.take(first) - matrix.take(second)
    moved = queries + np.where(sound[:, None], steps, 0)
    squares = np.einsum("nd,nd->n", moved, moved)
    return np.where((squares > LEAST_SQUARE)[:, None], moved, queries)
