"""The nearest rows, asked of the database: through its graph, or by looking at every row that a filter leaves.

The database orders; the distances are computed here, from the definition, so that they are the numbers of every other
engine. Where they are equal, the row that was added first comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.index.remote.postgres.conditions import ALL, Condition
from keras_similarity.index.remote.postgres.pgvector import OPERATORS
from keras_similarity.index.remote.postgres.prepared import PreparedSearches
from keras_similarity.index.remote.postgres.wire import QueryVectors, read_vectors, read_wholes, vector_bytes
from keras_similarity.index.remote.results import Found, Line, ranked
from keras_similarity.index.rows import Floats

__all__ = ["MOST_EFFORT", "Search", "block_size", "check_distance", "nearest", "nearest_of_one"]

MOST_EFFORT = 1000  # the largest hnsw.ef_search
MOST_QUERIES = 256  # of one statement
BLOCK_NUMBERS = 2**22  # of the rows that it returns
ONE_QUERY = "%s"
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

    `unfiltered_sql` is the statement for one query and no filter, with libpq's placeholder.
    """

    rows: str
    distance: Distance
    dtype: np.dtype[Any]
    condition: Condition
    k: int
    effort: int
    unfiltered_sql: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sql = self.statement(single=True).replace(ONE_QUERY, "$1") if self.condition is ALL else ""
        object.__setattr__(self, "unfiltered_sql", sql)

    @property
    def limit(self) -> int:
        """How many rows to ask for: where the graph is of halves, it is asked with a query of halves."""
        if self.effort == 0:
            return self.k + SPARE
        return self.k if self.dtype == np.float32 else 2 * self.k

    def statement(self, *, single: bool) -> str:
        """Return the SQL, whose values are the queries and those of the condition, in the order of `values`."""
        query = f"{ONE_QUERY}::vector" if single else "queries.vector"
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
    if len(queries) == 1:
        return nearest_of_one(connection, search, queries).as_found(search.k)
    values = (QueryVectors(queries, single=False), *search.condition.values)
    rows = connection.execute(search.statement(single=False), values, binary=True).fetchall()
    if not rows:
        return Line.of_none(queries.shape[1]).as_found(search.k, len(queries))
    ints, texts, labels, seq, embeddings, owner = zip(*rows, strict=True)
    near = read_vectors(embeddings, search.dtype, queries.shape[1], np.dtype(np.float64))
    seqs, owners = np.array(seq, np.int64), np.array(owner, np.intp)
    gaps = search.distance.between(queries[owners].astype(np.float64), near).astype(np.float32)
    positions, distances = ranked(owners, gaps, seqs, len(queries), search.k)
    codes = np.array(_codes(labels), np.int32)
    return Found(_ids(ints, texts), codes, seqs, positions, distances, near)


def nearest_of_one(connection: Any, search: Search, queries: Floats, prepared: PreparedSearches | None = None) -> Line:
    """Return the nearest rows of one query `(1, d)`; where there is no filter, by what the connection has prepared.

    This is the most frequent call, and what it costs is the number of NumPy's: they are cold after the wait.
    """
    found = _unfiltered(connection, search, queries, prepared) if search.condition is ALL and prepared else None
    if found is None:
        values = (*search.condition.values, QueryVectors(queries, single=True))
        rows = connection.execute(search.statement(single=True), values, binary=True).fetchall()
        columns: Any = zip(*rows, strict=True) if rows else ((),) * 5
        ints, texts, labels, seqs, embeddings = columns
        found = _ids(ints, texts), _codes(labels), list(seqs), embeddings
    ids, codes, seqs, embeddings = found
    if not ids:
        return Line.of_none(queries.shape[1])
    near = read_vectors(embeddings, search.dtype, queries.shape[1], np.dtype(np.float64))
    gaps = search.distance.between(queries[0].astype(np.float64), near).astype(np.float32)
    line = Line(ids, codes, seqs, gaps, near)
    numbers = gaps.tolist()
    if len(numbers) <= search.k and numbers == sorted(set(numbers)):  # in order, and no two alike
        return line
    keys = list(zip(numbers, seqs, strict=True))
    return line.taken(sorted(range(len(keys)), key=keys.__getitem__)[: search.k])


def _unfiltered(connection: Any, search: Search, query: Floats, prepared: PreparedSearches) -> Any:
    """Return ids, codes, places and embeddings; None where the connection has prepared too much else."""
    columns = prepared.columns(connection, search.unfiltered_sql, vector_bytes(query))
    if columns is None:
        return None
    ints, texts, labels, seqs, embeddings = columns
    if None in ints:
        encoding = connection.info.encoding
        texts = [None if value is None else value.decode(encoding) for value in texts]
    ids = _ids(read_wholes(ints, "q"), texts)
    return ids, read_wholes(labels, "i", NO_LABEL), read_wholes(seqs, "q"), embeddings


def _ids(ints: Sequence[int | None], texts: Sequence[str | None]) -> list[Any]:
    """Return ids of the two columns that hold them."""
    if None not in ints:
        return list(ints)
    return [text if whole is None else whole for whole, text in zip(ints, texts, strict=True)]


def _codes(labels: Sequence[int | None]) -> list[int]:
    return [NO_LABEL if code is None else code for code in labels]
