"""The nearest rows, asked of the database: through its graph, or by looking at every row that a filter leaves.

The database orders; the distances are computed here, from the definition, so that they are the numbers of every other
engine. Where they are equal, the row that was added first comes first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.index.remote.postgres.conditions import Condition
from keras_similarity.index.remote.postgres.wire import QueryVectors, read_vectors
from keras_similarity.index.remote.results import Found, ranked
from keras_similarity.index.rows import Floats

__all__ = ["GRAPH_CLASSES", "MOST_EFFORT", "Search", "block_size", "check_distance", "nearest"]

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
MOST_QUERIES = 256  # of one statement
BLOCK_NUMBERS = 2**22  # of the rows that it returns
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


def check_distance(distance: Distance) -> None:
    """Raise a ValueError for a distance that pgvector lacks."""
    check_choice(
        distance.name, OPERATORS, name="distance", hint="An index in a folder or in memory has every distance."
    )


def block_size(k: int, width: int) -> int:
    """Return how many queries to ask at a time, so that their rows take some tens of megabytes."""
    return max(1, min(MOST_QUERIES, BLOCK_NUMBERS // (k * width)))


def nearest(connection: Any, search: Search, queries: Floats) -> Found:
    """Return the nearest rows of queries `(q, d)`, q ≥ 1 and no more than `block_size` says."""
    single = len(queries) == 1
    vectors = QueryVectors(queries, single=single)
    values = (*search.condition.values, vectors) if single else (vectors, *search.condition.values)
    rows = connection.execute(search.statement(single=single), values, binary=True).fetchall()
    if not rows:
        none, empty = np.empty(0, np.int64), np.empty((0, queries.shape[1]))
        nothing = ranked(none.astype(np.intp), none.astype(np.float32), none, len(queries), search.k)
        return Found([], none.astype(np.int32), none, *nothing, empty)
    ints, texts, labels, seq, embeddings, *owner = zip(*rows, strict=True)
    seqs, near = np.array(seq, np.int64), read_vectors(embeddings, search.dtype, queries.shape[1]).astype(np.float64)
    owners = np.zeros(len(rows), np.intp) if single else np.array(owner[0], np.intp)
    asked = queries[0] if single else queries[owners]
    gaps = search.distance.between(asked.astype(np.float64), near).astype(np.float32)
    positions, distances = ranked(owners, gaps, seqs, len(queries), search.k)
    ids = (
        list(ints)
        if None not in ints
        else [t if whole is None else whole for whole, t in zip(ints, texts, strict=True)]
    )
    codes = np.array([NO_LABEL if code is None else code for code in labels], np.int32)
    return Found(ids, codes, seqs, positions, distances, near)
