"""Builds engines: now, or behind the searches that go on meanwhile.

Nothing is built while items are added. Exact search answers until it has cost as much as building would, or until so
many rows of a graph were removed that it loses its way; then a graph is made behind, and takes over when it is ready.
"""

import atexit
import logging
import math
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from keras_similarity.errors import MissingExtraError, ReadOnlyIndexError
from keras_similarity.index.engines import ExactEngine
from keras_similarity.index.engines.protocol import BuildStopped
from keras_similarity.index.engines.spaces import space_of
from keras_similarity.index.graph import EngineReport, tune
from keras_similarity.index.planner import Plan, Wish
from keras_similarity.index.rows import Block, Matrix, Rows

__all__ = ["Builder"]

logger = logging.getLogger(__name__)

REMOVED_SHARE = 0.2  # of a graph's rows: beyond, it is built anew
# What things cost, in seconds of one core, to weigh them against each other.
ROW_SECONDS = 12e-6  # to link a row, for each doubling of the rows
NUMBER_SECONDS = {True: 3e-10, False: 7e-11}  # exact search reads a number for one query, or for one of many


class Builder:
    """Decides when an engine is due, and makes it.

    Args:
        wish: What was asked for.
        store: The index's store; `compacted` and `replace` are called with the lock held.
        lock: The index's lock for changes.
    """

    def __init__(self, wish: Wish, store: Any, lock: threading.RLock) -> None:
        self.wish = wish
        self._store = store
        self._lock = lock
        self._building = threading.Lock()  # held by whoever builds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._spent = 0.0  # seconds of exact search that a graph would have saved
        self._given_up = 0  # rows over which no engine reached the recall asked for
        self.failure: str | None = None
        _stop_at_exit(self)

    def build(self, *, engine: bool = True) -> None:
        """Compact now, and build what is due, also where exact search would do for a while.

        Args:
            engine: Whether to build an engine.

        Raises:
            ReadOnlyIndexError: the index was closed meanwhile.
        """
        with self._building:
            self._stop.clear()  # an index in memory can be used after it was closed
            try:
                self._run(engine=engine)
            except BuildStopped as error:
                raise ReadOnlyIndexError(
                    "the index was closed while its engine was being built; it is as it was.\n"
                    "  Build it before `close()`, or call `build()` again."
                ) from error

    def load(self) -> None:
        """Load, behind, the graph that an index on disk has."""
        self._start(self._store.load_graph)

    def note_search(self, rows: Rows, queries: int) -> None:
        """Count what a search cost, and start a build behind when it is due."""
        first = rows.blocks[0]
        if first.graph is not None and len(rows) == len(first.matrix) and rows.selection is None:
            return  # the graph knows every row
        scanned = len(rows) if first.graph is None else len(rows) - len(first.matrix)
        self._spent += queries * scanned * first.matrix.shape[1] * NUMBER_SECONDS[queries == 1]
        if (self._has_cost_enough(rows) or self._is_worn(rows)) and not self._building.locked():
            self._start_if_planned(rows)

    def start(self) -> None:
        """Build in a thread, unless one is under way."""
        self._start(self._run)

    def _start(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._stop.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._behind, args=(job,), name="keras-similarity", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Return when no build is under way."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def paused(self) -> AbstractContextManager[Any]:
        """Wait for the build that is under way, and hold off the next; to be entered without the index's lock."""
        return self._building

    def stop(self) -> None:
        """Tell a build that is under way to stop."""
        self._stop.set()

    def close(self) -> None:
        """Stop building, and return when nothing runs any more."""
        self.stop()
        self.wait()

    def report(self, rows: Rows) -> EngineReport:
        """Tell what answers searches over these rows."""
        first = rows.blocks[0]
        if first.graph is not None:
            return first.graph.report
        plan = self.wish.plan(rows.live_count, first.matrix.shape[1])
        reason = self.failure or plan.reason
        if plan.engine is not None and self.failure is None:
            reason = f"`build()` makes {plan.engine.name!r}, and so do searches once they have cost as much"
        return EngineReport(ExactEngine.name, reason, 1.0, self.wish.recall, 0, 0, len(rows), 0)

    def _has_cost_enough(self, rows: Rows) -> bool:
        return self._spent > ROW_SECONDS * rows.live_count * math.log2(max(rows.live_count, 2))

    def _is_worn(self, rows: Rows) -> bool:
        """Whether so many rows of the graph were removed that it loses its way."""
        first = rows.blocks[0]
        if first.graph is None or rows.selection is None:
            return False
        return rows.selection.part(0, len(first.matrix)).count < (1 - REMOVED_SHARE) * len(first.matrix)

    def _start_if_planned(self, rows: Rows) -> None:
        count = rows.live_count
        planned = self.wish.plan(count, rows.blocks[0].matrix.shape[1]).engine is not None
        if planned and self._store.is_writer and count > self._given_up * 5 // 4:
            self.start()
        else:
            self._spent = 0.0  # looked at again when as much was spent once more

    def _behind(self, job: Callable[[], None]) -> None:
        try:
            with self._building:
                job()
        except BuildStopped:
            return
        except MissingExtraError as error:
            self.failure, self._given_up = str(error), len(self._store.rows)
            logger.warning("searches stay exact: %s", error)
        except Exception:
            # The searches that go on must not suffer: they stay exact, and the report says why.
            self.failure, self._given_up = "the last build failed; the log has the reason", len(self._store.rows)
            logger.exception("an engine could not be built")

    def _run(self, *, engine: bool = True) -> None:
        self._spent = 0.0
        with self._lock:
            base = self._store.settled()
        width = base.blocks[0].matrix.shape[1]
        plan = self.wish.plan(base.live_count, width) if engine else Plan(None, "compacted")
        positions, matrix = self._store.compacted(base)
        try:
            block = self._made(plan, matrix)
            with self._lock:
                if self._stop.is_set():
                    raise BuildStopped
                self._store.replace(base, positions, block)
        except BaseException:
            self._store.abandon(matrix)
            raise

    def _made(self, plan: Plan, matrix: Matrix) -> Block:
        """Return a block of these rows with the engine planned, or without one where it misses the recall asked for."""
        scan = ExactEngine(self.wish.distance)
        self.failure = None
        space = space_of(self.wish.distance)
        if plan.engine is None or space is None:
            return Block(matrix, scan)
        engine = plan.engine.build(matrix, space, self._stop)
        graph = tune(engine, self.wish.distance, scan, matrix, self.wish.recall, reason=plan.reason)
        report = graph.report
        logger.info("built %s over %d rows: recall %.4f", report.engine, report.rows, report.recall)
        if report.recall >= self.wish.recall:
            return Block(matrix, scan, graph)
        logger.warning(
            "the %s engine finds %.4f of the nearest neighbours at its best, and %.4f were asked for",
            report.engine, report.recall, self.wish.recall,
        )  # fmt: skip
        if self.wish.engine != "auto":
            return Block(matrix, scan, graph)
        self._given_up = len(matrix)
        self.failure = f"{report.engine} reached a recall of {report.recall:.4f} only; looking at every row is exact"
        return Block(matrix, scan)


def _stop_at_exit(builder: Builder) -> None:
    """A thread inside native code must be over before the interpreter goes."""
    reference = weakref.ref(builder)

    def stop() -> None:
        alive = reference()
        if alive is not None:
            alive.close()

    atexit.register(stop)
    weakref.finalize(builder, atexit.unregister, stop)
