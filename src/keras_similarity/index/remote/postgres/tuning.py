"""The graph of an index: made in one transaction, then searched as thoroughly as the recall asked for needs."""

import dataclasses
import json
from typing import Any

import numpy as np

from keras_similarity.core.checks import LEAST_SQUARE
from keras_similarity.index.graph import EQUAL, MARGIN, TUNED_K, EngineReport
from keras_similarity.index.remote.postgres.conditions import ALL
from keras_similarity.index.remote.postgres.nearest import GRAPH_CLASSES, Search, block_size, nearest
from keras_similarity.index.remote.postgres.schema import Tables, lock, read_state
from keras_similarity.index.remote.postgres.session import Session
from keras_similarity.index.remote.postgres.wire import read_vectors
from keras_similarity.index.rows import Floats
from keras_similarity.index.settings import Settings

__all__ = ["ENGINE", "as_settings", "build_graph"]

ENGINE = "hnsw"
EFFORTS = (10, 16, 24, 32, 40, 56, 80, 120, 180, 270, 400, 600, 1000)  # of hnsw.ef_search
FEW_NUMBERS = 2**18  # rows times width that the database reads as quickly as its graph answers
MOST_WIDE = {"float32": 2000, "float16": 4000}  # numbers of a row that pgvector's graph takes
SAMPLE = 256  # queries that recall is measured with,
SAMPLE_NUMBERS = 2**34  # fewer where to look at every row for so many would take minutes,
LEAST_SAMPLE = 32  # but so many
STEP = 0.5  # of the way between two neighbours, by which a sampled row is moved
WALK = 200  # hnsw.ef_search, for the neighbours that these queries are made of


def as_settings(effort: int, *, filtered: bool) -> tuple[tuple[str, Any], ...]:
    """Return pgvector's settings for a search of the graph; under a filter it goes on until enough rows are found."""
    return (("hnsw.ef_search", effort), ("hnsw.iterative_scan", "relaxed_order" if filtered else "off"))


def build_graph(session: Session, tables: Tables, settings: Settings) -> EngineReport:
    """Make the graph that is due, measure its recall, write down what came of it, and return that."""
    items = session.read(lambda connection: read_state(connection, tables)).items
    reason = _reason_against(settings, items)
    if reason is not None:
        return _finished(session, tables, _exact(settings, items, reason), keep=False)
    session.write(lambda connection: _create(connection, tables, settings))
    session.read(lambda connection: connection.execute(f"ANALYZE {tables.rows}"))
    report = session.read(lambda connection: _tuned(session, connection, tables, settings))
    if report.recall < settings.recall:
        missed = f"the graph finds {report.recall:.3f} of the neighbours"
        return _finished(session, tables, _exact(settings, items, missed), keep=False)
    return _finished(session, tables, report, keep=True)


def _reason_against(settings: Settings, items: int) -> str | None:
    width = settings.space.width
    if settings.engine == "exact":
        return "asked for"
    if width > MOST_WIDE[settings.storage]:
        return f"pgvector's graph takes rows of up to {MOST_WIDE[settings.storage]:,} numbers"
    return f"looking at all of {items:,} rows is quick" if items * width <= FEW_NUMBERS else None


def _exact(settings: Settings, items: int, reason: str) -> EngineReport:
    return EngineReport("exact", reason, 1.0, settings.recall, 0, 0, items, 0)


def _create(connection: Any, tables: Tables, settings: Settings) -> None:
    lock(connection, tables)
    if settings.memory is not None:
        connection.execute(
            "SELECT set_config('maintenance_work_mem', %s, true)", (f"{max(1024, settings.memory // 1024)}kB",)
        )
    kind = "vector" if settings.storage == "float32" else "halfvec"
    indexes = {
        "hnsw": f"hnsw (embedding {kind}_{GRAPH_CLASSES[settings.distance.name]})",
        "label": "btree (label)",
        "metadata": "gin (metadata jsonb_path_ops)",
    }
    for name, how in indexes.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {tables.index(name)} ON {tables.rows} USING {how}")


def _finished(session: Session, tables: Tables, report: EngineReport, *, keep: bool) -> EngineReport:
    def work(connection: Any) -> None:
        lock(connection, tables)
        if not keep:
            connection.execute(f"DROP INDEX IF EXISTS {tables.graph}")
        connection.execute(
            f"UPDATE {tables.state} SET built = %s::jsonb, generation = generation + 1", (json.dumps(report.as_dict()),)
        )

    session.write(work)
    return report


def _tuned(session: Session, connection: Any, tables: Tables, settings: Settings) -> EngineReport:
    """Return the least effort that reaches the recall, of the efforts there are; the largest where none does."""
    state = read_state(connection, tables)
    exact = Search(tables.rows, settings.distance, settings.space.dtype, ALL, TUNED_K, 0)
    queries = _likely_queries(session, connection, exact, settings, state.items)
    truth = _distances(connection, exact, queries).max(axis=1, keepdims=True)
    limits = truth + EQUAL * np.abs(truth)
    aim = settings.recall + MARGIN * (1 - settings.recall)
    effort, recall = EFFORTS[-1], 0.0
    for effort in EFFORTS:
        session.set(connection, *as_settings(effort, filtered=False))
        found = _distances(connection, dataclasses.replace(exact, effort=effort), queries)
        recall = float((found <= limits).mean())
        if recall >= aim:
            break
    size = connection.execute("SELECT pg_relation_size(%s::regclass)", (tables.graph,)).fetchone()[0]
    reason = "asked for" if settings.engine != "auto" else f"the quickest for {state.items:,} rows"
    return EngineReport(ENGINE, reason, recall, settings.recall, effort, len(queries), state.items, size)


def _distances(connection: Any, search: Search, queries: Floats) -> Floats:
    return np.concatenate([nearest(connection, search, part).distances for part in _blocks(search, queries)])


def _blocks(search: Search, queries: Floats) -> list[Floats]:
    step = block_size(search.k, queries.shape[1])
    return [queries[start : start + step] for start in range(0, len(queries), step)]


def _likely_queries(session: Session, connection: Any, search: Search, settings: Settings, items: int) -> Floats:
    """Return queries like those to come, which no row equals: a row plus half the step between two of its neighbours.

    A row itself is found more easily than what is not in the graph; with the whole step, the efforts found were two to
    three times those that held-out queries of 100,000 rows in clusters needed.
    """
    width = settings.space.width
    count = min(max(SAMPLE_NUMBERS // (items * width), LEAST_SAMPLE), SAMPLE, items)
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
