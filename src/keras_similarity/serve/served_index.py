"""One index behind HTTP: searches joined into calls, writes one after the other, and another opened in its place."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.errors import NotCalibratedError, StorageError
from keras_similarity.index import Index
from keras_similarity.serve.answers import Answers
from keras_similarity.serve.batching import Batcher
from keras_similarity.serve.lending import Lending
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.metrics import ABANDONED, Metrics
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.searches import Search, run_searches

__all__ = ["CALIBRATION_FILE", "ServedIndex", "name_of"]

CALIBRATION_FILE = "calibration.npz"  # in the folder of an index
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
        self._items = 0
        self._open()
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
        self._lending = Lending()
        self._refused = False
        metrics.watch("abandoned_calls", ABANDONED, lambda: self._batcher.abandoned, of=f"index {self.name}")
        metrics.watch("index_items", "Items of an index", self._count, index=self.name)
        metrics.watch("index_waiting", "Queries that wait for a search", lambda: self._batcher.waiting, index=self.name)

    @property
    def usable(self) -> bool:
        """Whether searches still come back."""
        return self._batcher.usable

    @property
    def writable(self) -> bool:
        """Whether the disk has not refused a write for good; a reload looks at it anew."""
        return not self._refused

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
        """Return the index for another thread to use, while which a reload does not close it."""
        return self._lending.lent(lambda: self.index)

    async def write(self, call: Callable[[Index], Any], *, elsewhere: bool = False) -> Any:
        """Call a function that changes the index; it is finished even if the client has gone.

        Args:
            call: The function.
            elsewhere: Whether it writes to another folder, whose disk says nothing of the index's own.

        Raises:
            Problem: 429 when too many writes wait.
        """
        if self._writes >= MOST_WRITES:
            raise Problem(
                429,
                f"{self._writes} writes wait for the index {self.name!r}.\n  Try again.",
                headers={b"retry-after": b"1"},
            )
        self._writes += 1
        future = asyncio.get_running_loop().run_in_executor(self._writer, lambda: call(self.index))
        future.add_done_callback(functools.partial(self._write_done, elsewhere))
        return await asyncio.shield(future)

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
        return await self.write(self._refreshed)

    async def reload(self) -> None:
        """Open the folder anew and go on with it; searches are answered all the while.

        Raises:
            FileNotFoundError, IndexFormatError: there is no index any more; the old one is served on.
        """
        await self.write(lambda _: None)  # what was acknowledged is in the folder
        loop = asyncio.get_running_loop()
        fresh = await loop.run_in_executor(self._writer, self._opened)
        old = self.index

        def swap() -> None:
            self.index, self.calibration = fresh
            self._answers = Answers(self._answer_bytes)

        await self._batcher.submit(swap)
        self._refused = False
        await loop.run_in_executor(self._writer, self._lending.retire, old)

    def close(self) -> None:
        """Finish what is being written, and let go of the files."""
        self._writer.shutdown(wait=True)
        self._batcher.close()
        self.index.close()

    def _open(self) -> None:
        self.index, self.calibration = self._opened()
        self._answers = Answers(self._answer_bytes)

    def _opened(self) -> tuple[Index, CalibrationResults | None]:
        index = Index.open(self.path, read_only=self._read_only)
        if isinstance(self.path, str):
            self._items = len(index)
            return index, None
        self._thresholds_written = _written(self.path / CALIBRATION_FILE)
        return index, self._read_calibration(self.path)

    def _refreshed(self, index: Index) -> bool:
        if isinstance(self.path, str):
            changed = index.refresh()
            self._items = len(index)
            return changed
        written = _written(self.path / CALIBRATION_FILE)
        if written != self._thresholds_written:
            self.calibration = self._read_calibration(self.path)
            self._thresholds_written = written
        return index.refresh()

    def _read_calibration(self, folder: Path) -> CalibrationResults | None:
        kept = folder / CALIBRATION_FILE
        return CalibrationResults.open(kept) if kept.is_file() else None

    def _count(self) -> int:
        """Return how many items there are; of a database, as it was when it was last looked at: it may be away."""
        return self._items if isinstance(self.path, str) else len(self.index)

    def _write_done(self, elsewhere: bool, future: asyncio.Future[Any]) -> None:
        self._writes -= 1
        error = None if future.cancelled() else future.exception()  # whoever asked may have gone
        if isinstance(error, StorageError) and error.lasting and not elsewhere:
            self._refused = True

    def _run(self, works: Any) -> list[Any]:
        return run_searches(self.index, self._answers, works)


def _written(path: Path) -> tuple[int, int, int] | None:
    """Return what differs once a file was replaced, None where there is none."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size
