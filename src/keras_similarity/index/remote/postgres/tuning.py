"""The graph of an index: made in one transaction, then searched as thoroughly as the recall asked for needs."""

import dataclasses
import functools
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import LEAST_SQUARE
from keras_similarity.index.efforts import effort_ladder, least_effort
from keras_similarity.index.engines.exact import ExactEngine
from keras_similarity.index.graph import (
    EQUAL,
    LEAST_SAMPLE,
    MOST_SAMPLE,
    SAMPLE_NUMBERS,
    TUNED_K,
    EngineReport,
)
from keras_similarity.index.remote.postgres.conditions import ALL
from keras_similarity.index.remote.postgres.nearest import MOST_EFFORT, Search, block_size, nearest
from keras_similarity.index.remote.postgres.pgvector import MOST_WIDE_GRAPH, OPERATORS
from keras_similarity.index.remote.postgres.schema import Tables, lock
from keras_similarity.index.remote.postgres.session import Session
from keras_similarity.index.remote.postgres.wire import read_vectors
from keras_similarity.index.rows import Floats, Matrix
from keras_similarity.index.settings import Settings

__all__ = ["ENGINE", "as_settings", "build_graph"]

ENGINE = "hnsw"
EFFORTS = effort_ladder(10, MOST_EFFORT)
FEW_NUMBERS = 2**18  # rows times width that the database reads as quickly as its graph answers
# Queries, where a distance is no product of matrices: its exact search takes a hundred times as long.
FEW_SAMPLE = 256
STEP = 0.75  # of the way between two neighbours, by which a sampled row is moved
MARGIN = 0.5  # of the misses allowed, kept free: held-out queries are harder than these, up to twice the misses
WALK = 200  # hnsw.ef_search, for the neighbours that these queries are made of
READ_NUMBERS = 2**20  # of the rows read at a time


@functools.lru_cache
def as_settings(effort: int, *, filtered: bool) -> tuple[tuple[str, Any], ...]:
    """Return pgvector's settings for a search of the graph; under a filter it goes on until enough rows are found."""
    return (("hnsw.ef_search", effort), ("hnsw.iterative_scan", "relaxed_order" if filtered else "off"))


def build_graph(session: Session, tables: Tables, settings: Settings) -> EngineReport:
    """Make the graph that is due, measure its recall, write down what came of it, and return that.

    All of it is one transaction: whatever goes wrong, nothing of it is left.
    """
    return session.write(lambda connection: _built(session, connection, tables, settings))


def _built(session: Session, connection: Any, tables: Tables, settings: Settings) -> EngineReport:
    items = lock(connection, tables).items
    reason = _reason_against(settings, items)
    report = None
    if reason is None:
        _create(connection, tables, settings)
        report = _tuned(session, connection, tables, settings, items)
        if report.recall < settings.recall:
            reason = f"the graph finds {report.recall:.3f} of the neighbours"
    if report is None or reason is not None:
        report = EngineReport("exact", reason or "", 1.0, settings.recall, 0, 0, items, 0)
        connection.execute(f"DROP INDEX IF EXISTS {tables.graph}")
    connection.execute(
        f"UPDATE {tables.state} SET built = %s::jsonb, generation = generation + 1", (json.dumps(report.as_dict()),)
    )
    return report


def _reason_against(settings: Settings, items: int) -> str | None:
    width = settings.space.width
    if settings.engine == "exact":
        return "asked for"
    if width > MOST_WIDE_GRAPH[settings.storage]:
        return f"pgvector's graph takes rows of up to {MOST_WIDE_GRAPH[settings.storage]:,} numbers"
    return f"looking at all of {items:,} rows is quick" if items * width <= FEW_NUMBERS else None


def _create(connection: Any, tables: Tables, settings: Settings) -> None:
    if settings.memory is not None:
        connection.execute(
            "SELECT set_config('maintenance_work_mem', %s, true)", (f"{max(1024, settings.memory // 1024)}kB",)
        )
    kind = "vector" if settings.storage == "float32" else "halfvec"
    indexes = {
        "hnsw": f"hnsw (embedding {kind}_{OPERATORS[settings.distance.name][1]})",
        "label": "btree (label)",
        "metadata": "gin (metadata jsonb_path_ops)",
    }
    for name, how in indexes.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {tables.index(name)} ON {tables.rows} USING {how}")
    connection.execute(f"ANALYZE {tables.rows}")


def _tuned(session: Session, connection: Any, tables: Tables, settings: Settings, items: int) -> EngineReport:
    """Return the least effort that reaches the recall, of the efforts there are; the largest where none does."""
    search = Search(tables.rows, settings.distance, settings.space.dtype, ALL, TUNED_K, EFFORTS[0])
    queries = _likely_queries(session, connection, search, settings, items)
    limits = _limits(connection, search, queries)

    def recall_with(effort: int) -> float:
        session.set(connection, *as_settings(effort, filtered=False))
        found = _distances(connection, dataclasses.replace(search, effort=effort), queries)
        return float((found <= limits).mean())

    effort, recall = least_effort(EFFORTS, recall_with, settings.recall + MARGIN * (1 - settings.recall))
    size = connection.execute("SELECT pg_relation_size(%s::regclass)", (tables.graph,)).fetchone()[0]
    reason = "asked for" if settings.engine != "auto" else f"the quickest for {items:,} rows"
    return EngineReport(ENGINE, reason, recall, settings.recall, effort, len(queries), items, size)


def _limits(connection: Any, search: Search, queries: Floats) -> NDArray[Any]:
    """Return how far the k-th nearest row of each query is `(q, 1)`, and a little more for what rounding moves.

    Every row is read once and compared here, by a product of matrices: the server would look at all of them for each
    query, at 40 ms for 100,000 rows.
    """
    width = queries.shape[1]
    nearest_yet = np.full((len(queries), search.k), np.inf, np.float32)
    with connection.cursor(name="every", binary=True) as cursor:
        cursor.execute(f"SELECT embedding FROM {search.rows}")
        while rows := cursor.fetchmany(max(search.k, READ_NUMBERS // width)):
            block = Matrix(read_vectors([vector for (vector,) in rows], search.dtype, width))
            _, distances = ExactEngine(search.distance).search(block, queries, search.k)
            nearest_yet = np.sort(np.concatenate([nearest_yet, distances], axis=1), axis=1)[:, : search.k]
    limits = nearest_yet[:, -1:]
    return limits + EQUAL * np.abs(limits)


def _distances(connection: Any, search: Search, queries: Floats) -> Floats:
    return np.concatenate([nearest(connection, search, part).distances for part in _blocks(search, queries)])


def _blocks(search: Search, queries: Floats) -> list[Floats]:
    step = block_size(search.k, queries.shape[1])
    return [queries[start : start + step] for start in range(0, len(queries), step)]


def _likely_queries(session: Session, connection: Any, search: Search, settings: Settings, items: int) -> Floats:
    """Return queries like those to come, which no row equals: a row moved by a part of the step between two neighbours.

    A row itself is found more easily than what is not in the graph. Nine data sets (clusters, pictures, normal rows of
    8 to 32 numbers, a curved surface) were searched well enough with the effort at which these reach `MARGIN`: 0.99 to
    0.999 on held-out queries, with 1 to 1.9 times the least effort that finds 0.99, on one 2.9 times. With half a step
    some found 0.984; with the whole one the effort was up to four times what is needed.
    """
    width = settings.space.width
    most = FEW_SAMPLE if settings.distance.dots is None else MOST_SAMPLE
    count = min(max(SAMPLE_NUMBERS // (items * width), LEAST_SAMPLE), most, items)
    generator = np.random.default_rng(0)
    session.set(connection, *as_settings(WALK, filtered=False))
    near = dataclasses.replace(search, k=3, effort=WALK)
    share = 100 * min(1.0, 20 * count / items)
    rows = connection.execute(
        f"SELECT embedding FROM {search.rows} TABLESAMPLE BERNOULLI (%s) REPEATABLE (0) ORDER BY seq",
        (share,),
        binary=True,
    ).fetchall()
    sample = read_vectors([row for (row,) in rows], search.dtype, width).astype(np.float32)
    sample = sample[np.sort(generator.permutation(len(sample))[:count])]
    moved = sample + STEP * np.concatenate([_steps(connection, near, part) for part in _blocks(near, sample)])
    squares = np.einsum("nd,nd->n", moved, moved)
    return np.where((squares > LEAST_SQUARE)[:, None], moved, sample).astype(np.float32)


def _steps(connection: Any, search: Search, queries: Floats) -> Floats:
    """Return for each query the step from one of its neighbours to another, zeros where it has too few."""
    found = nearest(connection, search, queries)
    _, first, second = found.positions.T
    return np.where((second >= 0)[:, None], found.vectors[first] - found.vectors[second], 0)
