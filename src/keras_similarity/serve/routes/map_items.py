"""From points on a map to items, and back."""

from typing import Any

import numpy as np
from litestar import post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from keras_similarity.core.label_json import label_to_json
from keras_similarity.serve.explorer import Explorer
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.routes.queries import check_batch
from keras_similarity.serve.routes.replies import decode_body, reply
from keras_similarity.serve.schemas import LocateRequest, MapItemsRequest, SelectRequest
from keras_similarity.serve.service import Service

__all__ = ["map_item_routes"]

MOST_SELECTED = 100_000  # items of one answer; how many there are is told


def map_item_routes(service: Service, explorer: Explorer) -> list[Any]:
    """Return the handlers."""

    @post("/v1/indexes/{name:str}/map/select", status_code=200)
    async def select(name: FromPath[str], scope: Scope) -> ASGIResponse:
        request = decode_body(scope, SelectRequest)
        drawn = explorer.existing_map(service.index(name), request.map)
        rows = await explorer.run(lambda: drawn.select(request.polygon, request.hidden))
        kept = rows[:MOST_SELECTED]
        labels = [label_to_json(label) for label in drawn.labels]
        named = [labels[code] if code >= 0 else None for code in drawn.codes[kept].tolist()]
        return reply({"total": len(rows), "ids": drawn.ids[kept].tolist(), "labels": named})

    @post("/v1/indexes/{name:str}/map/items", status_code=200)
    async def map_items(name: FromPath[str], scope: Scope) -> ASGIResponse:
        request = decode_body(scope, MapItemsRequest)
        drawn = explorer.existing_map(service.index(name), request.map)
        check_batch(service, len(request.rows), "rows")
        if any(row >= len(drawn.ids) for row in request.rows):
            raise Problem(400, f"`rows` must be below {len(drawn.ids)}, the size of this map.\n  Send what it drew.")
        return reply({"items": drawn.items(np.array(request.rows, np.intp))})

    @post("/v1/indexes/{name:str}/map/locate", status_code=200)
    async def locate(name: FromPath[str], scope: Scope) -> ASGIResponse:
        request = decode_body(scope, LocateRequest)
        drawn = explorer.existing_map(service.index(name), request.map)
        if len(request.ids) > service.limits.k:
            raise Problem(413, f"a request may have {service.limits.k} ids (--max-k).\n  Send several requests.")
        return reply({"items": await explorer.run(lambda: drawn.locate(request.ids))})

    return [select, map_items, locate]
