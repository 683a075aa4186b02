"""An index copied, or opened anew."""

import secrets
from datetime import UTC, datetime
from typing import Any

from litestar import post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from keras_similarity.serve.problems import Problem
from keras_similarity.serve.routes.replies import decode_body, reply
from keras_similarity.serve.schemas import Nothing
from keras_similarity.serve.service import Service

__all__ = ["upkeep_routes"]


def upkeep_routes(service: Service) -> list[Any]:
    """Return the handlers."""

    @post("/v1/indexes/{name:str}/snapshots", status_code=201)
    async def snapshot(name: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        decode_body(scope, Nothing)
        if service.snapshots is None:
            raise Problem(409, "this server makes no snapshots.\n  Start it with --snapshots FOLDER.")
        made = f"{served.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        target = service.snapshots / made
        await served.snapshot(target)
        return reply({"snapshot": made}, status=201)

    @post("/v1/indexes/{name:str}/reload", status_code=200)
    async def reload(name: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        decode_body(scope, Nothing)
        await served.reload()
        return reply({"size": len(served.index)})

    return [snapshot, reload]
