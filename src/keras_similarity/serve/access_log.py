"""A line of JSON for each request, on stderr: gathered, and written by a thread: a slow reader slows nobody."""

import asyncio
import sys
import time
from typing import Any, BinaryIO, Self

import msgspec

__all__ = ["AccessLog"]

GATHER_SECONDS = 0.1
MOST_LINES = 10_000  # that wait to be written; more are counted and dropped


class AccessLog:
    """Writes request lines.

    Args:
        stream: Where to; None for nowhere.
    """

    def __init__(self, stream: BinaryIO | None) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._dropped = 0
        self._writing: asyncio.Future[None] | None = None
        self._scheduled = False

    @classmethod
    def on_stderr(cls) -> Self:
        """Return a log on the stderr that there is; one that takes no bytes, as a notebook's, is nowhere."""
        return cls(getattr(sys.stderr, "buffer", None))

    @property
    def silent(self) -> bool:
        """Whether nothing is written anywhere."""
        return self._stream is None

    def write(self, request_id: str, method: str, path: str, status: int, seconds: float, client: Any) -> None:
        """Note one answered request."""
        self.add(
            {
                "time": round(time.time(), 3),
                "request_id": request_id,
                "method": method,
                "path": path,
                "status": status,
                "ms": round(seconds * 1e3, 3),
                "client": client[0] if client else None,
            }
        )

    def add(self, line: dict[str, Any]) -> None:
        """Note something, in the thread of the event loop."""
        if self._stream is None:
            return
        if len(self._lines) >= MOST_LINES:
            self._dropped += 1
            return
        self._lines.append(msgspec.json.encode(line))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._hand_over)

    def flush(self) -> None:
        """Write what is left; for the end of the server."""
        self._write_out(self._taken())

    def _hand_over(self) -> None:
        loop = asyncio.get_running_loop()
        if self._writing is not None and not self._writing.done():  # the reader is slow: gather on
            loop.call_later(GATHER_SECONDS, self._hand_over)
            return
        self._scheduled = False
        self._writing = loop.run_in_executor(None, self._write_out, self._taken())

    def _taken(self) -> list[bytes]:
        lines, self._lines = self._lines, []
        if self._dropped:
            lines.append(msgspec.json.encode({"time": round(time.time(), 3), "dropped_lines": self._dropped}))
            self._dropped = 0
        return lines

    def _write_out(self, lines: list[bytes]) -> None:
        if self._stream is not None and lines:
            self._stream.write(b"\n".join(lines) + b"\n")
            self._stream.flush()
