"""A write that is sent again, because nobody heard its answer, is answered again and not done again."""

import asyncio
import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from keras_similarity.serve.gate import BODY, wanted_level
from keras_similarity.serve.keys import READ
from keras_similarity.serve.problems import Problem

__all__ = ["Repeats"]

MOST_KEPT = 10_000  # answers; the oldest are forgotten first, and all of them with the process
KEY = re.compile(rb"[\x21-\x7e]{1,255}")
WHOSE = (b"authorization", b"x-api-key")  # clients cannot see each other's answers


@dataclass(slots=True, eq=False)
class Answer:
    """The first request under a key: what it asked, and what it is answered, a status, headers and a body."""

    asked: bytes
    done: asyncio.Task[tuple[int, Any, bytes]]


class Repeats:
    """An ASGI application that looks at `Idempotency-Key`, before another that answers.

    Args:
        app: What answers.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

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
        first = self._answers.get(key)
        more = [] if first is None else [(b"idempotent-replayed", b"true")]
        if first is None:
            first = self._answers[key] = Answer(asked, asyncio.create_task(self._answer(key, scope, receive)))
        elif first.asked != asked:
            raise Problem(422, "this Idempotency-Key was sent with another body.\n  Take a new key.")
        # A client that leaves now may come again: what it asked for is done meanwhile.
        status, headers, body = await asyncio.shield(first.done)
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answer(self, key: bytes, scope: Any, receive: Any) -> tuple[int, Any, bytes]:
        started: dict[str, Any] = {}
        body: list[bytes] = []

        async def heard(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                body.append(message.get("body", b""))

        try:
            await self._app(scope, receive, heard)
        finally:
            if started.get("status", 500) >= 300:  # what failed may be tried again
                self._answers.pop(key, None)
            elif len(self._answers) > MOST_KEPT:
                self._answers.popitem(last=False)
        return started["status"], started["headers"], b"".join(body)


def _key_of(scope: Any) -> bytes | None:
    """Return under what a write is remembered, None for a request that is not."""
    headers = dict(scope["headers"])
    key = headers.get(b"idempotency-key")
    if key is None or wanted_level(scope) == READ:
        return None
    if not KEY.fullmatch(key):
        raise Problem(400, "an Idempotency-Key has 1 to 255 visible ASCII characters.\n  Send a UUID, for example.")
    whose = [headers.get(name, b"") for name in WHOSE]
    return hashlib.sha256(b"\0".join([scope["method"].encode(), scope["raw_path"], *whose, key])).digest()
