"""A write: rows that do not count yet, then the state with which they do, then what is gone is deleted.

Whatever goes wrong before the state is there leaves the index as it was; whatever goes wrong after it, the next writer
finishes.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from keras_similarity.errors import (
    DatabaseError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    IndexLockedError,
)
from keras_similarity.index.remote.items import Batch, in_blocks
from keras_similarity.index.remote.milvus.items import as_rows, row_bytes
from keras_similarity.index.remote.milvus.lock import LEASE_SECONDS, TableLock
from keras_similarity.index.remote.milvus.schema import (
    LABELS,
    STATE,
    label_key,
    label_notes,
    read_state,
    state_key,
    state_note,
)
from keras_similarity.index.remote.milvus.session import NOTES, Session
from keras_similarity.index.remote.milvus.state import Ranges, State, as_ranges

__all__ = ["Change", "Writer"]

FEW_PLACES = 2000  # of a range that are deleted by name, which takes the server a fortieth of the time
MOST_ROWS, MOST_BYTES = 8192, 16 * 2**20  # sent at a time; Milvus takes 64 MB
MOST_PLACES = 10_000  # named at a time
T = TypeVar("T")
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What a write does.

    Args:
        state: What becomes of the counters.
        batch: Items to add, or None.
        labels: New labels, in the order of their codes.
        gone: Places in the order of additions that count no more.
    """

    state: dict[str, Any] = field(default_factory=dict)
    batch: Batch | None = None
    labels: list[Any] = field(default_factory=list)
    gone: Iterable[int] = ()


class Writer:
    """Writes to one index.

    Args:
        session: The index's.
        width: Of its vectors.
        timeout: Seconds that a call may take.
    """

    def __init__(self, session: Session, width: int, timeout: float) -> None:
        self._session = session
        self._width = width
        self._lock = TableLock(session, LEASE_SECONDS + 3 * timeout)
        self._threads = threading.RLock()

    def write(self, work: Callable[[State], tuple[Change | None, T]]) -> tuple[State, T]:
        """Make a change; return the state that came of it.

        Args:
            work: From the state as it is, the change, or None for none, and what to return.

        Raises:
            IndexLockedError: another process is writing.
        """
        self._session.check_writable()
        with self._threads:
            unfinished = self._lock.take()
            tidy = True
            try:
                state = read_state(self._session, newest=True)
                if unfinished:
                    state = self._recovered(state)
                unfinished = False
                change, result = work(state)
                if change is not None:
                    step = _Step.of(state, change, self._width)
                    unfinished = True
                    self._begin(step)
                    tidy = self._tidied(step)
                    state, unfinished = step.later, False
            except IndexLockedError:
                raise  # the lock is another's now, who has tidied up
            except BaseException as error:  # a Ctrl-C among them: other processes are not to wait for this one
                # What was not answered may still be on its way: the lock stays until that is over.
                if not (unfinished and isinstance(error, DatabaseTimeoutError | DatabaseUnavailableError)):
                    with contextlib.suppress(DatabaseError):
                        if unfinished:
                            self._recovered(read_state(self._session, newest=True))
                        self._lock.release()
                raise
            if tidy:
                with contextlib.suppress(DatabaseError):  # the write is there; who writes next finds the lock
                    self._lock.release()
        return state, result

    def _begin(self, step: "_Step") -> None:
        for note in step.labels:
            self._put([note], part=NOTES, over=True)
        for number, block in enumerate(in_blocks(step.rows, row_bytes, MOST_ROWS, MOST_BYTES)):
            if number:
                self._lock.beat()
            self._put(block)
        self._lock.check()
        self._commit(step.note, step.later.generation)

    def _put(self, rows: list[dict[str, Any]], **options: Any) -> None:
        """Write rows; a Ctrl-C meanwhile is raised after the answer, when nothing of them is on its way any more."""
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(self._session.put, rows, **options)
            try:
                answer.result()
            except KeyboardInterrupt:
                answer.result()  # raises what is worse: that there is no answer
                raise

    def _tidied(self, step: "_Step") -> bool:
        """Delete what does not count any more; every reader leaves out what is left of it."""
        try:
            self._session.delete(f"seq in [{state_key(step.before.generation)}]", part=NOTES)
            if step.later.first_seq > step.before.first_seq:
                self._session.delete(f"seq >= 0 and seq < {step.later.first_seq}")
            self._delete(step.later.gone)
        except DatabaseError as error:
            LOG.warning("what a write to %s replaced is not deleted yet: %s", self._session.shown, error)
            return False
        return True

    def _commit(self, note: dict[str, Any], generation: int) -> None:
        try:
            self._put([note], part=NOTES, over=True)
        except DatabaseError:
            with contextlib.suppress(DatabaseError):
                if read_state(self._session, newest=True).generation == generation:
                    return
            raise DatabaseUnavailableError(
                f"Milvus did not answer the last step of a write to {self._session.shown}, and whether the write is "
                "there is not known.\n  Look when it is back; adding with the same ids again does no harm."
            ) from None

    def _delete(self, ranges: Ranges) -> None:
        named: list[int] = []
        for start, stop in ranges:
            if stop - start > FEW_PLACES:
                self._session.delete(f"seq >= {start} and seq < {stop}")
            else:
                named += range(start, stop)
        for start in range(0, len(named), MOST_PLACES):
            self._session.delete(f"seq in {named[start : start + MOST_PLACES]}")

    def _recovered(self, state: State) -> State:
        """Undo what a writer began and finish what it decided; return the state to go on from.

        Places that it used are not used again: a row of its that is still on its way must not become an item.
        """
        LOG.warning("a write to %s was not finished; what it left is tidied up", self._session.shown)
        self._delete(state.gone)
        if state.first_seq:
            self._session.delete(f"seq >= 0 and seq < {state.first_seq}")
        key = state_key(state.generation)
        old = [row["seq"] for row in self._session.query(f"label == {STATE} and seq != {key}", ["seq"], part=NOTES)]
        lost = f"label == {LABELS} and seq <= {label_key(state.labels)}"
        old += [row["seq"] for row in self._session.query(lost, ["seq"], part=NOTES)]
        if old:
            self._session.delete(f"seq in {old}", part=NOTES)
        left = self._session.query(f"seq >= {state.next_seq}", ["seq"], newest=True)
        if not left:
            return replace(state, gone=())
        stop = max(row["seq"] for row in left) + 1
        self._session.delete(f"seq >= {state.next_seq} and seq < {stop}")
        return replace(state, gone=((state.next_seq, stop),), next_seq=stop)


@dataclass(frozen=True, slots=True)
class _Step:
    """A change as rows to write: all that can be wrong with it was found out."""

    before: State
    later: State
    note: dict[str, Any]
    labels: list[dict[str, Any]]
    rows: list[dict[str, Any]]

    @classmethod
    def of(cls, state: State, change: Change, width: int) -> "_Step":
        count = 0 if change.batch is None else len(change.batch.ids)
        # Of a state from which was recovered, the places that were used for nothing.
        unused = tuple(places for places in state.gone if places[1] == state.next_seq)
        later = state.later(
            next_seq=state.next_seq + count,
            labels=state.labels + len(change.labels),
            gone=(*as_ranges(change.gone), *unused),
        )
        later = replace(later, **change.state)
        rows = [] if change.batch is None else as_rows(change.batch, state.next_seq)
        return cls(state, later, state_note(later, width), label_notes(state.labels, change.labels, width), rows)
