"""A connection that does not wait for ever: for headers, for a slow reader, for an answer nobody will read."""

import asyncio
import functools
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keras_similarity.serve.gate import ANSWER, TASK, WHOLE

__all__ = ["LimitedProtocol", "make_protocol"]

HEADER_BYTES = 65_536
TOO_LARGE = b"headers may have %d bytes.\n  Send fewer, or shorter ones." % HEADER_BYTES
REFUSAL = b"\r\n".join(
    [
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(TOO_LARGE),
        b"connection: close",
        b"",
        TOO_LARGE,
    ]
)


class LimitedProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol with limits, which a subclass sets.

    Attributes:
        read_seconds: For a client to send its headers, and to take what is sent to it.
        most_connections: Open at a time; one more is closed at once.
    """

    read_seconds = 10.0
    most_connections = 1024
    _in_headers = False
    _header_bytes = 0
    _header_alarm: asyncio.TimerHandle | None = None
    _write_alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for headers, but not for ever."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop working for a client that has gone."""
        self._stop(self._header_alarm)
        self._stop(self._write_alarm)
        cycle: Any = self.cycle
        super().connection_lost(exc)
        if cycle is not None and not cycle.response_complete and TASK in cycle.scope:
            cycle.scope[TASK].cancel()  # nobody is left to answer

    def data_received(self, data: bytes) -> None:
        """Give the next headers the same time, unless they are here already."""
        super().data_received(data)
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES:
                self.transport.write(REFUSAL)
                self.transport.close()
                return
        if self._header_alarm is None:
            cycle: Any = self.cycle
            if self._in_headers or cycle is None or cycle.response_complete:
                self._await_headers()

    def on_message_begin(self) -> None:
        """Note that headers have begun."""
        self._in_headers = True
        self._header_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End the wait."""
        self._in_headers = False
        if self._header_alarm is not None:
            self._header_alarm.cancel()
            self._header_alarm = None
        super().on_headers_complete()
        self.scope[ANSWER] = functools.partial(self._answer, self.cycle)  # type: ignore[typeddict-unknown-key]

    def on_message_complete(self) -> None:
        """Tell the gate that it need not wait for a body."""
        self.scope[WHOLE] = True  # type: ignore[typeddict-unknown-key]
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for a reader that takes nothing, but not for ever."""
        super().pause_writing()
        self._write_alarm = self.loop.call_later(self.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """End the wait."""
        super().resume_writing()
        self._stop(self._write_alarm)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, whether or not its last answer was taken."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _answer(self, cycle: Any, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send status 200, headers and body in one packet, where uvicorn sends two; return whether it is done so."""
        if cycle.disconnected or not cycle.keep_alive or cycle.scope["method"] == "HEAD" or cycle.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        lines = [b"%b: %b\r\n" % header for header in (*cycle.default_headers, *headers)]
        cycle.transport.write(b"".join([b"HTTP/1.1 200 OK\r\n", *lines, b"\r\n", body]))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def _await_headers(self) -> None:
        self._header_alarm = self.loop.call_later(self.read_seconds, self.transport.abort)

    @staticmethod
    def _stop(alarm: asyncio.TimerHandle | None) -> None:
        if alarm is not None:
            alarm.cancel()


def make_protocol(read_seconds: float, most_connections: int) -> type[LimitedProtocol]:
    """Return the protocol with its limits set, as uvicorn makes its connections from a class."""
    limits = {"read_seconds": read_seconds, "most_connections": most_connections}
    return type("ServerProtocol", (LimitedProtocol,), limits)
