"""The nearest rows, asked of the database: through its graph, or by looking at every row that a filter leaves.

The database orders; the distances are computed here, from the definition, so that they are the numbers of every other
engine. Where they are equal, the row that was added first comes first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.index.engines.pairs import nearest_of
from keras_similarity.index.remote.postgres.conditions import Condition
from keras_similarity.index.remote.postgres.wire import QueryVectors, read_vectors
from keras_similarity.index.rows import Floats, Matrix, Positions

__all__ = ["GRAPH_CLASSES", "MOST_EFFORT", "Found", "Search", "check_distance", "nearest"]

# Distance -> pgvector's operator, and the end of its operator class.
OPERATORS = {
    "cosine": ("<=>", "cosine_ops"),
    "euclidean": ("<->", "l2_ops"),
    "squared_euclidean": ("<->", "l2_ops"),
    "inner_product": ("<#>", "ip_ops"),
    "manhattan": ("<+>", "l1_ops"),
}
GRAPH_CLASSES = {name: end for name, (_, end) in OPERATORS.items()}
MOST_EFFORT = 1000  # the largest hnsw.ef_search
QUERY_BLOCK = 256  # of one statement
SPARE = 4  # rows asked for beyond k: the database's rounding is another than ours at the k-th


@dataclass(frozen=True, slots=True)
class Search:
    """How to ask.

    Args:
        rows: The table.
        distance: What compares.
        dtype: What embeddings are kept as.
        condition: Which rows may be found.
        k: How many.
        effort: hnsw.ef_search, 0 to look at every row.
    """

    rows: str
    distance: Distance
    dtype: np.dtype[Any]
    condition: Condition
    k: int
    effort: int

    @property
    def limit(self) -> int:
        """How many rows to ask for: where the graph is of halves, it is asked with a query of halves."""
        if self.effort == 0:
            return self.k + SPARE
        return self.k if self.dtype == np.float32 else 2 * self.k

    def statement(self, *, single: bool) -> str:
        """Return the SQL, whose values are the queries and those of the condition, in the order of `values`."""
        query = "%s::vector" if single else "queries.vector"
        sign = OPERATORS[self.distance.name][0]
        if self.effort:
            order = f"embedding {sign} {query}" + ("" if self.dtype == np.float32 else "::halfvec")
        else:  # a sum is no order that an index knows, so no index can answer in part
            order = f"(embedding{'' if self.dtype == np.float32 else '::vector'} {sign} {query}) + 0, seq"
        found = (
            f"SELECT id_int, id_text, label, seq, embedding FROM {self.rows} WHERE {self.condition.sql} "
            f"ORDER BY {order} LIMIT {int(self.limit)}"
        )
        if single:
            return found
        return (
            "SELECT id_int, id_text, label, seq, embedding, number - 1 "
            "FROM unnest(%s::vector[]) WITH ORDINALITY AS queries (vector, number) "
            f"CROSS JOIN LATERAL ({found}) AS near"
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that the database returned for some queries, and the nearest of them, in order.

    Args:
        ids: Of every row returned, ints and strings.
        codes: Of their labels `(m,)`.
        seqs: Their places in the order of additions.
        matrix: Their embeddings.
        positions: For each query the positions of its neighbours among these rows `(q, k)`, -1 for none.
        distances: `(q, k)`, +inf for none.
    """

    ids: list[int | str]
    codes: NDArray[np.int32]
    seqs: list[int]
    matrix: Matrix
    positions: Positions
    distances: Floats

    @property
    def short(self) -> NDArray[np.bool_]:
        """Which queries have fewer neighbours than were asked for, `(q,)`."""
        return self.positions[:, -1] < 0


def check_distance(distance: Distance) -> None:
    """Raise a ValueError for a distance that pgvector lacks."""
    check_choice(
        distance.name, OPERATORS, name="distance", hint="An index in a folder or in memory has every distance."
    )


def nearest(connection: Any, search: Search, queries: Floats) -> Found:
    """Return the nearest rows of queries `(q, d)`, q ≥ 1 and up to `QUERY_BLOCK`."""
    single = len(queries) == 1
    vectors = QueryVectors(queries, single=single)
    values = (*search.condition.values, vectors) if single else (vectors, *search.condition.values)
    rows = connection.execute(search.statement(single=single), values, binary=True).fetchall()
    if not rows:
        shape = (len(queries), search.k)
        none = Matrix(np.empty((0, queries.shape[1]), np.float32))
        return Found([], np.empty(0, np.int32), [], none, np.full(shape, -1), np.full(shape, np.inf, np.float32))
    ints, texts, labels, seqs, embeddings, *owner = zip(*rows, strict=True)
    order = np.lexsort((np.array(seqs), np.array(owner[0], np.intp))) if owner else np.argsort(np.array(seqs))
    places = _places(np.array(owner[0], np.intp)[order] if owner else np.zeros(len(rows), np.intp), len(queries))
    matrix = Matrix(read_vectors(embeddings, search.dtype, queries.shape[1])[order])
    positions, distances = nearest_of(search.distance, matrix, queries, places, search.k)
    ids = [texts[row] if ints[row] is None else ints[row] for row in order.tolist()]
    codes = np.array([NO_LABEL if labels[row] is None else labels[row] for row in order.tolist()], np.int32)
    missing = search.k - positions.shape[1]
    if missing > 0:
        positions = np.pad(positions, ((0, 0), (0, missing)), constant_values=-1)
        distances = np.pad(distances, ((0, 0), (0, missing)), constant_values=np.inf)
    return Found(ids, codes, [seqs[row] for row in order.tolist()], matrix, positions, distances)


def _places(owners: Positions, count: int) -> Positions:
    """Return for each query the positions of its rows, -1 after the last; owners ascend."""
    counts = np.bincount(owners, minlength=count)
    starts = np.cumsum(counts) - counts
    places = starts[:, None] + np.arange(counts.max())
    places[np.arange(counts.max()) >= counts[:, None]] = -1
    return places
