"""One index behind HTTP: searches joined into calls, writes one after the other, and another opened in its place."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.errors import NotCalibratedError
from keras_similarity.index import Index
from keras_similarity.serve.answers import Answers
from keras_similarity.serve.batching import Batcher
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.metrics import ABANDONED, Metrics
from keras_similarity.serve.opened_index import OpenedIndex
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.searches import Search, run_searches

__all__ = ["ServedIndex", "name_of"]

MOST_ROWS = 64  # queries of one call: more gain nothing
MOST_WRITES = 64  # that wait


def name_of(path: Path | str) -> str:
    """Return what an index is called: its folder's stem, or its table."""
    if isinstance(path, Path):
        return path.stem
    return dict(parse_qsl(path.partition("?")[2])).get("table") or "index"  # without a table, opening it says so


class ServedIndex:
    """An index that many requests share.

    One thread searches and another writes; a search sees the index as it was when it began.

    Args:
        path: Its folder, or the URL of a database that it lives in.
        limits: The server's.
        metrics: Where calls are counted.
        read_only: Whether to refuse writes.

    Raises:
        FileNotFoundError, IndexFormatError: see `Index.open`.
    """

    def __init__(self, path: Path | str, limits: Limits, metrics: Metrics, *, read_only: bool = False) -> None:
        self.path = path
        self.name = name_of(path)
        self._read_only = read_only
        self._answer_bytes = limits.answer_bytes
        self._use(self._open())
        self._batcher = Batcher(
            f"the index {self.name}",
            self._run,
            most_rows=MOST_ROWS,
            most_waiting=limits.queue,
            call_seconds=limits.deadline_seconds,
            metrics=metrics.calls(f"index {self.name}"),
        )
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"writer {self.name}")
        self._writes = 0
        metrics.watch("abandoned_calls", ABANDONED, lambda: self._batcher.abandoned, of=f"index {self.name}")
        metrics.watch("index_items", "Items of an index", lambda: self._opened.items, index=self.name)
        metrics.watch("index_waiting", "Queries that wait for a search", lambda: self._batcher.waiting, index=self.name)

    @property
    def index(self) -> Index:
        """What is served now."""
        return self._opened.index

    @property
    def calibration(self) -> CalibrationResults | None:
        """Its thresholds, None for none."""
        return self._opened.calibration

    @property
    def usable(self) -> bool:
        """Whether searches still come back."""
        return self._batcher.usable

    @property
    def writable(self) -> bool:
        """Whether the disk has not refused a write for good; a reload looks at it anew."""
        return not self._opened.refused

    async def search(self, search: Search) -> bytes:
        """Return the answer to a query as JSON."""
        width = self.index.dim
        for row, vector in enumerate(search.vectors):
            if len(vector) != width:
                raise Problem(
                    409,
                    f"the index {self.name!r} holds vectors of {width} numbers: query {row} has {len(vector)}.\n"
                    "  Use the model that filled it.",
                )
        return await self._batcher.submit(search, len(search.vectors))

    async def read(self, call: Callable[[Index], Any]) -> Any:
        """Call a function with the index, in the thread that searches."""
        return await self._batcher.submit(lambda: call(self.index))

    def lent(self) -> AbstractContextManager[Index]:
        """Return the index for another thread to read, which a reload meanwhile does not hinder."""
        return self._opened.lent()

    async def write(self, call: Callable[[Index], Any]) -> Any:
        """Call a function that changes the index; it is finished even if the client has gone.

        Args:
            call: The function.

        Raises:
            Problem: 429 when too many writes wait.
            ReadOnlyIndexError: the index was saved, and is read into memory.
        """
        return await self._in_turn(lambda: self._opened.change(call))

    async def snapshot(self, folder: Path) -> None:
        """Copy the index, and its thresholds, to a new folder.

        Raises:
            Problem: 429 when too many writes wait.
            StorageError: the folder's disk, which need not be the index's own, refuses it.
        """
        await self._in_turn(lambda: self._opened.snapshot(folder))

    def existing_calibration(self) -> CalibrationResults:
        """Return the thresholds of this index, or raise a NotCalibratedError."""
        if self.calibration is None:
            raise NotCalibratedError(
                f"thresholds are needed, and the index {self.name!r} has none.\n"
                "  Make them with: keras-similarity calibrate"
            )
        return self.calibration

    async def refresh(self) -> bool:
        """See what another process has written, thresholds too; return whether items changed."""
        return await self._in_turn(lambda: self._opened.refresh())

    async def reload(self) -> None:
        """Open the path anew and go on with what is there; requests are answered all the while.

        Raises:
            FileNotFoundError, IndexFormatError: there is no index any more; the old one is served on.
            Problem: 429 when too many writes wait, 504 when a search does not come back.
        """
        await self._in_turn(self._replace)

    def close(self) -> None:
        """Finish what is being written, and let go of the files."""
        self._writer.shutdown(wait=True)
        self._batcher.close()
        self._opened.close()

    def _open(self) -> OpenedIndex:
        return OpenedIndex(self.path, read_only=self._read_only)

    def _use(self, opened: OpenedIndex) -> None:
        self._opened = opened
        self._answers = Answers(self._answer_bytes)

    def _replace(self) -> None:
        """Open, swap and close in one turn of the writer: what was written is seen, and the lock is free for the next.

        The swap is between two searches, so that none is under way when the old index is closed.
        """
        old, fresh = self._opened, self._open()
        try:
            self._batcher.between(lambda: self._use(fresh))
        except BaseException:
            fresh.close()
            raise
        old.close()

    async def _in_turn(self, work: Callable[[], Any]) -> Any:
        """Return what is made in the thread that writes, after what was asked for before."""
        if self._writes >= MOST_WRITES:
            raise Problem(
                429,
                f"{self._writes} writes wait for the index {self.name!r}.\n  Try again.",
                headers={b"retry-after": b"1"},
            )
        self._writes += 1
        future = asyncio.get_running_loop().run_in_executor(self._writer, work)
        future.add_done_callback(self._turn_done)
        return await asyncio.shield(future)

    def _turn_done(self, future: asyncio.Future[Any]) -> None:
        self._writes -= 1
        if not future.cancelled():
            future.exception()  # whoever asked may have gone, and then nobody else looks at it

    def _run(self, works: Any) -> list[Any]:
        return run_searches(self.index, self._answers, works)
