"""Answers that take seconds: made once, by one thread, while who asked is told to ask again."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["Jobs", "NotReadyError"]

WAIT_SECONDS = 1.0  # for an answer to be ready, before its client is told to come back


class NotReadyError(Exception):
    """The answer is being made."""


class Jobs:
    """Keeps the newest answer to each question."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="explorer")
        self._asked: dict[Hashable, asyncio.Future[Any]] = {}

    async def answer(self, question: Hashable, make: Callable[[], Any], *, renew: bool = False) -> Any:
        """Return the answer to a question; make it if there is none.

        Args:
            question: What is asked.
            make: Makes the answer, in the thread of jobs.
            renew: Whether to make it anew, unless it is being made.

        Raises:
            NotReadyError: it will be there later.
            Exception: what `make` raised; the next to ask starts it again.
        """
        asked = self._asked.get(question)
        if asked is None or (renew and asked.done()):
            asked = asyncio.get_running_loop().run_in_executor(self._thread, make)
            self._asked[question] = asked
        done, _ = await asyncio.wait([asked], timeout=WAIT_SECONDS)
        if not done:
            raise NotReadyError
        if asked.exception() is not None:
            self._asked.pop(question, None)
        return asked.result()

    def close(self) -> None:
        """Let the thread end; what it makes is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
