"""A write that is sent again, because nobody heard its answer, is answered again and not done again."""

import asyncio
import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from keras_similarity.serve.gate import BODY, READING_METHODS, READING_POSTS
from keras_similarity.serve.problems import Problem

__all__ = ["Repeats"]

MOST_KEPT = 10_000  # answers; the oldest are forgotten first, and all of them with the process
KEY = re.compile(rb"[\x21-\x7e]{1,255}")
WHOSE = (b"authorization", b"x-api-key")  # clients cannot see each other's answers


@dataclass(slots=True, eq=False)
class Answer:
    """The first request under a key: what it asked, and what it was answered, a status, headers and a body."""

    asked: bytes
    done: asyncio.Future[tuple[int, Any, bytes] | None]


class Repeats:
    """An ASGI application that looks at `Idempotency-Key`, before another that answers.

    Args:
        app: What answers.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._answers: OrderedDict[tuple[bytes, ...], Answer] = OrderedDict()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request.

        Raises:
            Problem: 400 for a key that is none, 422 for one that another request had.
        """
        key = _key_of(scope) if scope["type"] == "http" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        asked = hashlib.sha256(scope[BODY]).digest()
        while (first := self._answers.get(key)) is not None:
            if first.asked != asked:
                raise Problem(422, "this Idempotency-Key was sent with another body.\n  Take a new key.")
            answer = await asyncio.shield(first.done)
            if answer is not None:
                await _send_again(answer, send)
                return
        await self._answer_first(key, asked, scope, receive, send)

    async def _answer_first(self, key: tuple[bytes, ...], asked: bytes, scope: Any, receive: Any, send: Any) -> None:
        first = self._answers[key] = Answer(asked, asyncio.get_running_loop().create_future())
        started: dict[str, Any] = {}
        body: list[bytes] = []

        async def heard(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.update(status=message["status"], headers=list(message["headers"]))
            else:
                body.append(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, heard)
        finally:
            done = started.get("status", 500) < 300
            first.done.set_result((started["status"], started["headers"], b"".join(body)) if done else None)
            if not done:  # what failed may be tried again
                del self._answers[key]
            elif len(self._answers) > MOST_KEPT:
                self._answers.popitem(last=False)


def _key_of(scope: Any) -> tuple[bytes, ...] | None:
    """Return under what a write is remembered, None for a request that is not."""
    if scope["method"] in READING_METHODS or scope["path"].endswith(READING_POSTS):
        return None
    headers = dict(scope["headers"])
    key = headers.get(b"idempotency-key")
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise Problem(400, "an Idempotency-Key has 1 to 255 visible ASCII characters.\n  Send a UUID, for example.")
    whose = hashlib.sha256(b"\0".join(headers.get(name, b"") for name in WHOSE)).digest()
    return scope["method"].encode(), scope["raw_path"], whose, key


async def _send_again(answer: tuple[int, Any, bytes], send: Any) -> None:
    status, headers, body = answer
    headers = [*headers, (b"idempotent-replayed", b"true")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
