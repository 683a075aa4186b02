"""Whether the server lives, is ready, what it measured, and what it can do."""

from typing import Any

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse

from keras_similarity.serve.openapi import describe_api
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.routes.replies import json_reply
from keras_similarity.serve.service import Service

__all__ = ["status_routes"]


def status_routes(service: Service) -> list[Any]:
    """Return the handlers."""
    about = describe_api(
        service.limits, service.indexes, explorer=service.explorer is not None, keys=bool(service.keys)
    )
    description = msgspec.json.encode(about)

    @get("/healthz")
    async def healthz() -> ASGIResponse:
        return json_reply(b'{"status":"ok"}')

    @get("/readyz")
    async def readyz() -> ASGIResponse:
        reason = service.why_not_ready()
        if reason is not None:
            raise Problem(503, f"{reason}.\n  Try again.", headers={b"retry-after": b"1"})
        return json_reply(b'{"status":"ready"}')

    @get("/metrics")
    async def metrics() -> ASGIResponse:
        return json_reply(service.metrics.render(), media_type=service.metrics.content_type.decode())

    @get("/openapi.json")
    async def openapi() -> ASGIResponse:
        return json_reply(description)

    return [healthz, readyz, metrics, openapi]
