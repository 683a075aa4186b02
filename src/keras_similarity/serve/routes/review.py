"""Items looked at, and what is wrong with them: previews, findings, and labels put right."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from keras_similarity.serve.explorer import Explorer
from keras_similarity.serve.explorer.jobs import NotReadyError
from keras_similarity.serve.routes.queries import check_batch
from keras_similarity.serve.routes.replies import decode_body, json_reply, not_ready, path_id, reply, wants_renewal
from keras_similarity.serve.schemas import RelabelRequest
from keras_similarity.serve.service import Service

__all__ = ["review_routes"]


def review_routes(service: Service, explorer: Explorer) -> list[Any]:
    """Return the handlers."""
    limits = service.limits

    @get("/v1/indexes/{name:str}/previews/{item_id:path}")
    async def get_preview(name: FromPath[str], item_id: FromPath[str], scope: Scope) -> ASGIResponse:
        wanted = path_id(scope)
        [record] = await service.index(name).read(lambda index: index.get([wanted]))
        found = await explorer.preview(record, most_bytes=limits.image_bytes, most_pixels=limits.image_pixels)
        if found is None:
            return ASGIResponse(status_code=204)
        return json_reply(found[1], media_type=found[0])

    @get("/v1/indexes/{name:str}/duplicates")
    async def duplicates(name: FromPath[str], scope: Scope) -> ASGIResponse:
        return await _found(name, scope, "duplicates")

    @get("/v1/indexes/{name:str}/label-issues")
    async def label_issues(name: FromPath[str], scope: Scope) -> ASGIResponse:
        return await _found(name, scope, "label-issues")

    async def _found(name: str, scope: Scope, kind: str) -> ASGIResponse:
        try:
            return reply(await explorer.findings(service.index(name), kind, renew=wants_renewal(scope)))
        except NotReadyError:
            return not_ready()

    @post("/v1/indexes/{name:str}/items:relabel", status_code=200)
    async def relabel(name: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        items = decode_body(scope, RelabelRequest).items
        check_batch(service, len(items), "items")
        ids, labels = [item.id for item in items], [item.label for item in items]
        await served.write(lambda index: index.update(ids, labels=labels))
        return reply({"relabelled": len(items)})

    return [get_preview, duplicates, label_issues, relabel]
