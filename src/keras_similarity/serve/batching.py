"""Work of many requests in one call: what waits while a call runs makes the next one.

What arrives in one round of the event loop goes together, and under load batches grow by themselves. `wait_seconds`
lets a call wait for as many rows as the one before had: clients that were answered together ask again together, and who
asks alone never waits. One thread runs the calls, so that what they use needs no lock.
"""

import asyncio
import contextlib
import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from keras_similarity.serve.metrics import CallMetrics
from keras_similarity.serve.problems import Problem

__all__ = ["Batcher"]

logger = logging.getLogger(__name__)

UNWATCHED = CallMetrics(*[lambda _: None] * 3)
LOOK_SECONDS = 0.05  # between looks at whether a thread was given up
MOST_ABANDONED = 3  # calls that never came back; a thread cannot be ended from outside


@dataclass(slots=True, eq=False)
class Job:
    """One request's part of a call: what to work on, how many rows that is, and whom to tell."""

    work: Any
    rows: int
    done: asyncio.Future[Any]
    since: float  # of time.perf_counter()


class CallThread:
    """A thread that makes one call after the other, and does not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, call: Callable[[], None]) -> None:
        """Make a call when those before it are done."""
        self._calls.put(call)

    def close(self) -> None:
        """End after the calls that are there."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


class Batcher:
    """Joins work into calls, one at a time.

    Args:
        name: For messages and the thread.
        run: Several works -> an answer for each, or an exception for each that failed.
        most_rows: Of one call; a work with more is a call of its own.
        most_waiting: Rows that wait; more are refused with 429.
        call_seconds: After which a call is given up: its requests get 504, and a new thread goes on with the others.
        wait_seconds: How long a call waits, at most, for as many rows as the last one had.
        metrics: Where calls are noted: their rows, how long the first of these waited, how long the call took.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[Any]], Sequence[Any]],
        *,
        most_rows: int,
        most_waiting: int,
        call_seconds: float,
        wait_seconds: float = 0.0,
        metrics: CallMetrics = UNWATCHED,
    ) -> None:
        self._name = name
        self._run = run
        self._most_rows = most_rows
        self._most_waiting = most_waiting
        self._call_seconds = call_seconds
        self._wait_seconds = wait_seconds
        self._metrics = metrics
        self._waiting: deque[Job] = deque()
        self._rows = 0
        self._running: object | None = None  # the call under way
        self._gathering: asyncio.Handle | None = None  # the call to come
        self._soon = False  # whether it waits for nothing any more
        self._last_rows = 1
        self._thread = CallThread(name)
        self.abandoned = 0

    @property
    def usable(self) -> bool:
        """Whether calls still come back."""
        return self.abandoned <= MOST_ABANDONED

    @property
    def waiting(self) -> int:
        """Rows that wait for a call."""
        return self._rows

    async def submit(self, work: Any, rows: int = 1) -> Any:
        """Return the answer to one work; the caller's cancellation takes it out of the queue.

        Raises:
            Problem: 429 when too much waits, 503 when calls no longer come back, 504 when this one did not.
            Exception: what `run` gave for it.
        """
        if not self.usable:
            raise Problem(503, f"{self._name} does not answer any more.\n  Restart the server.")
        if self._rows and self._rows + rows > self._most_waiting:
            raise Problem(
                429,
                f"{self._rows} rows wait for {self._name}, and {self._most_waiting} may (--queue).\n  Try again.",
                headers={b"retry-after": b"1"},
            )
        loop = asyncio.get_running_loop()
        job = Job(work, rows, loop.create_future(), time.perf_counter())
        self._waiting.append(job)
        self._rows += rows
        if self._running is None:
            self._gather(loop)
        try:
            return await job.done
        except asyncio.CancelledError:
            self._leave(job)
            raise

    def between(self, call: Callable[[], None]) -> None:
        """Make a call after the one under way and before the next, whatever waits; for a thread beside the loop's.

        Raises:
            Problem: 504 when the one under way does not come back.
        """
        end = time.monotonic() + 2 * self._call_seconds  # by then, a call that does not come back was given up
        while True:
            thread, done = self._thread, Future[None]()
            thread.submit(functools.partial(_settle, done, call))
            while thread is self._thread and time.monotonic() < end:
                with contextlib.suppress(TimeoutError):
                    return done.result(LOOK_SECONDS)
            if not done.cancel():  # it has begun
                return done.result()
            if time.monotonic() >= end:
                raise self._too_slow()

    def close(self) -> None:
        """Let the thread end; a call under way is not waited for."""
        self._thread.close()

    def _leave(self, job: Job) -> None:
        """Take a job out of the queue, so that what nobody waits for keeps nobody out."""
        with contextlib.suppress(ValueError):  # its call has begun
            self._waiting.remove(job)
            self._rows -= job.rows

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have a call started: after this round of the loop, or once as much has come as the last time."""
        enough = not self._wait_seconds or self._rows >= min(self._last_rows, self._most_rows)
        if self._gathering is not None:
            if self._soon or not enough:
                return
            self._gathering.cancel()
        self._soon = enough
        if enough:
            self._gathering = loop.call_soon(self._start, loop)
        else:
            self._gathering = loop.call_later(self._wait_seconds, self._start, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._gathering = None
        jobs = self._taken()
        if not jobs:
            return
        self._last_rows = sum(job.rows for job in jobs)
        self._metrics.rows(self._last_rows)
        self._metrics.wait_seconds(time.perf_counter() - jobs[0].since)
        call = self._running = object()
        alarm = loop.call_later(self._call_seconds, self._abandon, loop, call, jobs)
        works = [job.work for job in jobs]

        def make_call() -> None:
            started = time.perf_counter()
            try:
                answers = self._run(works)
            except BaseException as error:  # every request of the call hears of it
                answers = [error] * len(works)
            seconds = time.perf_counter() - started
            try:
                loop.call_soon_threadsafe(self._finish, loop, call, alarm, jobs, answers, seconds)
            except RuntimeError:
                logger.info("a call of %s came back after the server's end", self._name)

        self._thread.submit(make_call)

    def _taken(self) -> list[Job]:
        """Take what fits into one call, leaving out what nobody waits for any more."""
        jobs: list[Job] = []
        rows = 0
        while self._waiting and (not jobs or rows + self._waiting[0].rows <= self._most_rows):
            job = self._waiting.popleft()
            self._rows -= job.rows
            if not job.done.done():
                jobs.append(job)
                rows += job.rows
        return jobs

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        call: object,
        alarm: asyncio.TimerHandle,
        jobs: list[Job],
        answers: Sequence[Any],
        seconds: float,
    ) -> None:
        self._metrics.call_seconds(seconds)
        if self._running is not call:  # it was given up
            self.abandoned -= 1
            return
        alarm.cancel()
        self._running = None
        if self._waiting:
            self._gather(loop)
        for job, answer in zip(jobs, answers, strict=True):
            if job.done.done():
                continue
            if isinstance(answer, BaseException):
                job.done.set_exception(answer)
            else:
                job.done.set_result(answer)

    def _abandon(self, loop: asyncio.AbstractEventLoop, call: object, jobs: list[Job]) -> None:
        if self._running is not call:
            return
        logger.error("%s took longer than %g s for %d requests", self._name, self._call_seconds, len(jobs))
        self.abandoned += 1
        self._running = None
        self._thread.close()
        self._thread = CallThread(self._name)
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(self._too_slow())
        if self._waiting and self.usable:
            self._gather(loop)

    def _too_slow(self) -> Problem:
        return Problem(504, f"{self._name} did not answer within {self._call_seconds:g} s (--deadline).\n  Try again.")


def _settle(done: Future[None], call: Callable[[], None]) -> None:
    """Make a call unless nobody waits for it any more."""
    if not done.set_running_or_notify_cancel():
        return
    try:
        done.set_result(call())
    except BaseException as error:  # who waits for it hears of it
        done.set_exception(error)
