"""The graph of an index: Milvus makes and keeps it by itself; here it is waited for, and its recall measured."""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from keras_similarity.core.checks import LEAST_SQUARE
from keras_similarity.errors import DatabaseTimeoutError
from keras_similarity.index.efforts import effort_ladder, least_effort
from keras_similarity.index.graph import EQUAL, MARGIN, TUNED_K, EngineReport
from keras_similarity.index.remote.milvus.items import FIELDS, as_page
from keras_similarity.index.remote.milvus.nearest import Search, block_size, nearest, scanned
from keras_similarity.index.remote.milvus.session import Session
from keras_similarity.index.remote.milvus.state import State
from keras_similarity.index.rows import Floats
from keras_similarity.index.settings import Settings

__all__ = ["build_graph"]

ENGINE = "hnsw"
EFFORTS = effort_ladder(16, 4096)  # ef
FEW_ROWS = 1024  # Milvus makes no graph of fewer
SAMPLE = 256  # queries that recall is measured with
STEP = 0.5  # of the way between two neighbours, by which a sampled row is moved
WALK = 256  # ef, for the neighbours that these queries are made of
WAIT_SECONDS = 3600.0
PAUSE_SECONDS = 0.2


def build_graph(session: Session, settings: Settings, state: State) -> EngineReport:
    """Return the least effort that reaches the recall, of the efforts there are; the largest where none does."""
    reason = _reason_against(settings, state)
    if reason is not None:
        return EngineReport("exact", reason, 1.0, settings.recall, 0, 0, state.items, 0)
    _wait_for_graph(session)
    search = Search(settings.distance, "", TUNED_K, EFFORTS[0])
    queries = _likely_queries(session, settings, state)
    truth = scanned(session, state, search, queries).distances.max(axis=1, keepdims=True)
    limits = truth + 10 * EQUAL * np.maximum(np.abs(truth), 1)  # the server's distances are float32

    def recall_with(effort: int) -> float:
        tried = replace(search, effort=effort)
        found = [nearest(session, tried, part).distances for part in _blocks(queries)]
        return float((np.concatenate(found) <= limits).mean())

    effort, recall = least_effort(EFFORTS, recall_with, settings.recall + MARGIN * (1 - settings.recall))
    reason = f"the quickest for {state.items:,} rows" if recall >= settings.recall else "the most that Milvus offers"
    return EngineReport(ENGINE, reason, recall, settings.recall, effort, len(queries), state.items, 0)


def _wait_for_graph(session: Session) -> None:
    """Seal the rows that are there, and wait until Milvus has made its graph over them and taken it up."""
    session.call("flush", session.table, timeout=WAIT_SECONDS)
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        names = session.call("list_indexes", session.table)
        about = [session.call("describe_index", session.table, name) for name in names]
        if all(one.get("state") in ("Finished", None) and not one.get("pending_index_rows") for one in about):
            session.call("refresh_load", session.table)
            return
        time.sleep(PAUSE_SECONDS)
    raise DatabaseTimeoutError(
        f"Milvus has not made the graph of {session.shown} in {WAIT_SECONDS:.0f} seconds.\n"
        "  It goes on; call `build` again to measure it."
    )


def _reason_against(settings: Settings, state: State) -> str | None:
    if settings.engine == "exact":
        return "asked for"
    few = state.items == 0 or state.next_seq - state.first_seq < FEW_ROWS
    return f"looking at all of {state.items:,} rows is quick" if few else None


def _blocks(queries: Floats) -> list[Floats]:
    step = block_size(TUNED_K)
    return [queries[start : start + step] for start in range(0, len(queries), step)]


def _likely_queries(session: Session, settings: Settings, state: State) -> Floats:
    """Return queries like those to come, which no row equals: a row plus half the step between two of its neighbours.

    A row itself is found more easily than what is not in the graph.
    """
    width = settings.space.width
    generator = np.random.default_rng(0)
    places = generator.integers(state.first_seq, state.next_seq, 4 * SAMPLE)
    sample = as_page(session.query(f"seq in {np.unique(places).tolist()}", FIELDS), state, width).vectors
    sample = sample[np.sort(generator.permutation(len(sample))[:SAMPLE])]
    near = nearest(session, Search(settings.distance, "", 3, WALK), sample)
    rows = session.query(f"seq in {np.unique(near.seqs).tolist()}", ["seq", "embedding"])
    known: dict[int, Any] = {row["seq"]: np.asarray(row["embedding"], np.float32) for row in rows}
    moved = sample.copy()
    for number, (_, first, second) in enumerate(near.positions.tolist()):
        one, other = (known.get(int(near.seqs[place])) if place >= 0 else None for place in (first, second))
        if one is not None and other is not None:
            moved[number] += STEP * (one - other)
    squares = np.einsum("nd,nd->n", moved, moved)
    return np.where((squares > LEAST_SQUARE)[:, None], moved, sample).astype(np.float32)
