"""What every request passes before a route sees it: host, key, type, size, time; and what is noted when it leaves."""

import asyncio
import contextlib
import functools
import itertools
import logging
import os
import re
import time
from collections.abc import Iterable
from typing import Any

from keras_similarity.serve.keys import READ, WRITE
from keras_similarity.serve.problems import Problem, problem_body
from keras_similarity.serve.service import Service

__all__ = ["ANSWER", "BODY", "OTHER_TYPE", "REQUEST_ID_KEY", "TASK", "WHOLE", "Gate", "answer_problem", "wanted_level"]

logger = logging.getLogger(__name__)

OPEN_ROUTES = frozenset({"/healthz", "/readyz"})  # for probes, which have no key and no name for it; they tell nothing
READING_POSTS = ("/query", "/match", "/embeddings", "/map/select", "/map/items", "/map/locate")
READING_METHODS = ("GET", "HEAD", "OPTIONS")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
JSON = b"application/json"
CLIENT_GONE = 499
MOST_DRAINED = 10  # times what a body may have, read and thrown away before it is refused
TASK = "keras_similarity.task"  # where a connection finds whom to stop when it is lost
BODY = "keras_similarity.body"  # where routes find it
ANSWER = "keras_similarity.answer"  # where a connection says how it sends an answer whole
WHOLE = "keras_similarity.whole"  # where a connection notes that a request has come whole
OTHER_TYPE = "keras_similarity.other_type"  # where routes find what a body is that is no JSON
REQUEST_ID_KEY = "keras_similarity.request_id"
SECURITY_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class Gate:
    """The outermost ASGI application.

    Args:
        app: What answers.
        service: The server's state.
        keyless: Paths that may be read without a key, beside those for probes.
    """

    def __init__(self, app: Any, service: Service, keyless: Iterable[str] = ()) -> None:
        self._app = app
        self._service = service
        self._limits = service.limits
        self._keyless = frozenset(keyless)
        self._in_flight = 0
        self._prefix = os.urandom(6).hex().encode()
        self._count = itertools.count()
        service.metrics.watch("requests_in_flight", "Requests being answered", lambda: self._in_flight)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._not_http(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        given_id = headers.get(b"x-request-id", b"")
        request_id = given_id if REQUEST_ID.fullmatch(given_id) else b"%s-%x" % (self._prefix, next(self._count))
        status, start = CLIENT_GONE, None
        more = [(b"x-request-id", request_id), *SECURITY_HEADERS]

        async def sent(message: Any) -> None:
            nonlocal status, start
            if message["type"] == "http.response.start":
                status, start = message["status"], message | {"headers": [*message["headers"], *more]}
                return
            if start is not None:
                whole = status == 200 and not message.get("more_body", False) and ANSWER in scope
                head, start = start, None
                if whole and scope[ANSWER](head["headers"], message.get("body", b"")):
                    return
                await send(head)
            await send(message)

        scope[TASK] = asyncio.current_task()
        scope[REQUEST_ID_KEY] = request_id.decode()
        self._in_flight += 1
        try:
            await self._answer(scope, headers, receive, sent)
        except Problem as problem:
            await answer_problem(problem, scope, sent)
        except asyncio.CancelledError:
            logger.debug("request %s was left by its client", scope[REQUEST_ID_KEY])
        finally:
            self._in_flight -= 1
            self._note(scope, status, time.perf_counter() - started)

    async def _answer(self, scope: Any, headers: dict[bytes, bytes], receive: Any, send: Any) -> None:
        self._check(scope, headers)
        if WHOLE in scope:
            scope[BODY] = await self._body(scope, headers, receive)
        else:
            try:
                async with asyncio.timeout(self._limits.read_seconds):
                    scope[BODY] = await self._body(scope, headers, receive)
            except TimeoutError as error:
                what = f"the body must come within {self._limits.read_seconds:g} s (--read-timeout)."
                raise Problem(408, f"{what}\n  Send it at once.", headers=CLOSE) from error
        try:
            async with asyncio.timeout(self._limits.deadline_seconds):
                await self._app(scope, receive, send)
        except TimeoutError as error:
            what = f"no answer within {self._limits.deadline_seconds:g} s (--deadline).\n  Ask for less, or try again."
            raise Problem(504, what) from error

    def _check(self, scope: Any, headers: dict[bytes, bytes]) -> None:
        if scope["path"] in OPEN_ROUTES:  # probes call a server by its address
            _check_no_body(scope, headers)
            return
        host = headers.get(b"host", b"").decode("latin-1")
        hosts = self._service.hosts
        if hosts is not None and host and _without_port(host) not in hosts:
            raise Problem(421, f"this server is not {host!r:.80}.\n  Start it with --allowed-host to be called so.")
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").partition("://")[2] != host:
            raise Problem(403, "pages of other origins may not use this server.\n  Send the request from a program.")
        if scope["path"] in self._keyless and scope["method"] in READING_METHODS:
            _check_no_body(scope, headers)
        elif self._service.keys:
            self._check_key(scope, headers)
        if self._in_flight > self._limits.in_flight:
            raise Problem(
                429,
                f"{self._limits.in_flight} requests are being answered, no more may be (--in-flight).\n  Try again.",
                headers={b"retry-after": b"1"},
            )
        if self._service.stopping:
            raise Problem(503, "the server is stopping.\n  Try again.", headers={b"retry-after": b"1"})

    def _check_key(self, scope: Any, headers: dict[bytes, bytes]) -> None:
        kind, _, key = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"bearer":
            key = headers.get(b"x-api-key", b"")
        level = self._service.keys.level_of(key.strip())
        if level == 0:
            raise Problem(
                401,
                "a valid API key is needed.\n  Send it as `Authorization: Bearer KEY`.",
                headers={b"www-authenticate": b"Bearer"},
            )
        if level == READ and wanted_level(scope) == WRITE:
            raise Problem(403, "this key may only read.\n  Use a key that may write.")

    async def _body(self, scope: Any, headers: dict[bytes, bytes], receive: Any) -> bytes:
        """Return the whole body, checked and within its limits."""
        if scope["method"] == "POST":
            kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if kind != JSON:
                scope[OTHER_TYPE] = kind  # refused by a route that takes a body, and by none if there is no such route
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Problem(415, "a body must not be compressed.\n  Send it without Content-Encoding.")
        most = self._limits.body_bytes
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > most:
            raise await self._too_large(headers, receive)
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > most:
                raise await self._too_large(headers, receive)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _too_large(self, headers: dict[bytes, bytes], receive: Any) -> Problem:
        """Return the refusal, once what is on its way has come: who is still sending would not hear it."""
        left = MOST_DRAINED * self._limits.body_bytes if b"expect" not in headers else 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.read_seconds / 2):
                while left > 0:
                    message = await receive()
                    left = left - len(message["body"]) if message.get("more_body", False) else 0
        return Problem(
            413,
            f"a body may have {self._limits.body_bytes:,} bytes (--body-bytes).\n  Send less at a time.",
            headers=CLOSE,
        )

    def _note(self, scope: Any, status: int, seconds: float) -> None:
        route = scope.get("path_template") or "other"
        method = scope["method"]
        self._service.metrics.note(route, method, status, seconds)
        self._service.log.write(scope[REQUEST_ID_KEY], method, scope["path"], status, seconds, scope.get("client"))

    async def _not_http(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
            return
        await self._app(scope, receive, send)


CLOSE = {b"connection": b"close"}


def _check_no_body(scope: Any, headers: dict[bytes, bytes]) -> None:
    """Refuse to read, and to keep, what comes without a key."""
    if b"transfer-encoding" not in headers and not headers.get(b"content-length", b"0").strip(b"0"):
        return
    if scope["method"] in READING_METHODS:
        raise Problem(413, "this route takes no body.\n  Send the request without one.", headers=CLOSE)
    raise Problem(405, "this route can only be read.\n  Send a GET.", headers=CLOSE | {b"allow": b"GET"})


async def answer_problem(problem: Problem, scope: Any, send: Any) -> None:
    """Send a problem as the answer."""
    kind, body = problem_body(problem, scope["path"], scope.get(REQUEST_ID_KEY, ""))
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False})


@functools.lru_cache(64)
def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdigit() and name else host.lower()


def wanted_level(scope: Any) -> int:
    """Return what a request needs: reading alone needs `READ`; every change, and what is not known, needs `WRITE`."""
    if scope["method"] in READING_METHODS:
        return READ
    return READ if scope["method"] == "POST" and scope["path"].endswith(READING_POSTS) else WRITE
