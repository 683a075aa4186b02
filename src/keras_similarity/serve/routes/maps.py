"""The map of an index, as the explorer page draws it."""

from typing import Any

import numpy as np
from litestar import get
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from keras_similarity.serve.explorer import Explorer
from keras_similarity.serve.explorer.jobs import NotReadyError
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.routes.replies import json_reply, not_ready, query_words, reply, wants_renewal
from keras_similarity.serve.service import Service

__all__ = ["map_routes"]

BINARY = "application/octet-stream"


def map_routes(service: Service, explorer: Explorer) -> list[Any]:
    """Return the handlers."""

    @get("/v1/indexes/{name:str}/map")
    async def describe_map(name: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        try:
            drawn = await explorer.map(served, renew=wants_renewal(scope))
        except NotReadyError:
            return not_ready()
        about = {"current": drawn.generation == served.index.generation, "calibrated": served.calibration is not None}
        return reply(drawn.describe() | about | {"encoder": _takes(service)})

    @get("/v1/indexes/{name:str}/map/points")
    async def points(name: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        number, rectangle = _view(scope)
        drawn = explorer.existing_map(served, number)
        return json_reply(await explorer.run(lambda: drawn.points(rectangle)), media_type=BINARY)

    return [describe_map, points]


def _takes(service: Service) -> str | None:
    """Return what can be searched by beside ids and vectors: "image", "text", None for nothing, or "loading"."""
    if service.loading:
        return "loading"
    return None if service.encoder is None else service.encoder.encoder.kind


def _view(scope: Scope) -> tuple[int, list[float] | None]:
    """Return the map's number, and the rectangle x0, y0, x1, y1 if there is one."""
    words = query_words(scope)
    try:
        number = int(words["map"])
        rectangle = [float(words[name]) for name in ("x0", "y0", "x1", "y1")] if "x0" in words else None
    except (KeyError, ValueError) as error:
        raise Problem(
            400,
            "a view is map=NUMBER, with x0, y0, x1, y1 for a rectangle, all numbers.\n  Send them all, or map alone.",
        ) from error
    if rectangle is not None and not np.isfinite(rectangle).all():
        raise Problem(400, "a rectangle needs finite numbers.\n  Leave it out for the whole map.")
    return number, rectangle
