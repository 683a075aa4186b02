"""The graph of an index: Qdrant makes and keeps it by itself; here it is waited for, and its recall measured."""

import time

import numpy as np

from keras_similarity.core.checks import LEAST_SQUARE
from keras_similarity.errors import DatabaseTimeoutError
from keras_similarity.index.efforts import least_effort
from keras_similarity.index.graph import EQUAL, MARGIN, TUNED_K, EngineReport
from keras_similarity.index.remote.qdrant import searching
from keras_similarity.index.remote.qdrant.items import Labels, as_page
from keras_similarity.index.remote.qdrant.searching import Searcher
from keras_similarity.index.remote.qdrant.session import Session
from keras_similarity.index.remote.qdrant.state import items_only
from keras_similarity.index.rows import Floats
from keras_similarity.index.settings import Settings

__all__ = ["build_graph"]

EFFORTS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)  # ef, each twice the work of the one before
SAMPLE = 256  # queries that recall is measured with
STEP = 0.5  # of the way between two rows, by which one is moved
WAIT_SECONDS = 3600.0
PAUSE_SECONDS = 0.2


def build_graph(session: Session, settings: Settings, searcher: Searcher) -> EngineReport:
    """Return the least effort that reaches the recall, of the efforts there are; the largest where none does."""
    items = searcher.state().items
    reason = _reason_against(session, settings, items)
    if reason is not None:
        return EngineReport("exact", reason, 1.0, settings.recall, 0, 0, items, 0)
    _wait_for_graph(session)
    queries = _likely_queries(session, settings.space.width)
    truth = searcher.nearest(queries, [], TUNED_K, 0).distances.max(axis=1, keepdims=True)
    limits = truth + 10 * EQUAL * np.maximum(np.abs(truth), 1)  # the server's distances are float32
    aim = settings.recall + MARGIN * (1 - settings.recall)

    def recall_with(effort: int) -> float:
        return float((searcher.nearest(queries, [], TUNED_K, effort).distances <= limits).mean())

    effort, recall = least_effort(EFFORTS, recall_with, aim, stride=1)
    reason = f"the quickest for {items:,} rows" if recall >= settings.recall else "the most that is tried"
    return EngineReport("hnsw", reason, recall, settings.recall, effort, len(queries), items, 0)


def _reason_against(session: Session, settings: Settings, items: int) -> str | None:
    if settings.engine == "exact":
        return "asked for"
    if session.local:
        return "without a server, the client looks at every row"
    return f"looking at all of {items:,} rows is quick" if items <= searching.FEW_ALLOWED else None


def _wait_for_graph(session: Session) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while str(session.call("get_collection").status) in ("yellow", "grey"):
        if time.monotonic() > until:
            raise DatabaseTimeoutError(
                f"Qdrant has not made the graph of {session.shown} in {WAIT_SECONDS:.0f} seconds.\n"
                "  It goes on; call `build` again to measure it."
            )
        time.sleep(PAUSE_SECONDS)


def _likely_queries(session: Session, width: int) -> Floats:
    """Return queries like those to come, which no row equals: rows, moved along the step between two others."""
    models = session.models
    points = session.call(
        "query_points",
        query=models.SampleQuery(sample=models.Sample.RANDOM),
        query_filter=items_only(models),
        limit=SAMPLE,
        with_payload=True,
        with_vectors=True,
    ).points
    rows = as_page(points, Labels(), width).vectors
    moved = rows + STEP / np.sqrt(width) * (np.roll(rows, 1, axis=0) - np.roll(rows, 2, axis=0))
    squares = np.einsum("nd,nd->n", moved, moved)
    return np.where((squares > LEAST_SQUARE)[:, None], moved, rows).astype(np.float32)
