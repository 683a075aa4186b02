"""The items of an index: added, shown, removed."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from litestar import delete, get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from keras_similarity.core.label_json import label_to_json
from keras_similarity.errors import UnknownIdError
from keras_similarity.index import Index
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.routes.queries import check_batch
from keras_similarity.serve.routes.replies import decode_body, path_id, reply
from keras_similarity.serve.schemas import Item, ItemsRequest
from keras_similarity.serve.served_index import ServedIndex
from keras_similarity.serve.service import Service

__all__ = ["item_routes"]

SOURCES = ("vector", "image", "text")


def item_routes(service: Service) -> list[Any]:
    """Return the handlers."""

    @post("/v1/indexes/{name:str}/items:batch", status_code=200)
    async def upsert_items(name: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        items = decode_body(scope, ItemsRequest).items
        check_batch(service, len(items), "items")
        _check_items(service, items)
        vectors = await _item_vectors(service, served, items)
        labels = [item.label for item in items]
        about = {"ids": [item.id for item in items], "metadata": [item.metadata for item in items]}
        await served.write(lambda index: index.add(vectors, labels, **about))
        return reply({"upserted": len(items)})

    @get("/v1/indexes/{name:str}/items/{item_id:path}")
    async def get_item(name: FromPath[str], item_id: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        wanted = path_id(scope)
        return reply(await served.read(lambda index: _shown(index, wanted)))

    @delete("/v1/indexes/{name:str}/items/{item_id:path}", status_code=200)
    async def delete_item(name: FromPath[str], item_id: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        wanted = path_id(scope)
        return reply({"deleted": await served.write(lambda index: index.remove([wanted]))})

    return [upsert_items, get_item, delete_item]


def _check_items(service: Service, items: Sequence[Item]) -> None:
    """Raise a problem for an item without one source of its vector, or with too much metadata."""
    for row, item in enumerate(items):
        given = [name for name in SOURCES if getattr(item, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise Problem(400, f"item {row} needs one of {', '.join(SOURCES)}: got {found}.\n  Send one of them.")
        if item.metadata:
            limits = service.limits
            size = len(msgspec.json.encode(item.metadata))
            if size > limits.metadata_bytes:
                raise Problem(
                    413,
                    f"metadata may have {limits.metadata_bytes:,} bytes (--metadata-bytes): item {row} has {size:,}.\n"
                    "  Keep less beside it.",
                )
            if not _shallow(item.metadata, limits.metadata_depth):
                raise Problem(
                    413,
                    f"metadata may have {limits.metadata_depth} levels (--metadata-depth): item {row} has more.\n"
                    "  Keep it flat.",
                )


def _shallow(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_shallow(part, depth - 1) for part in inner)


async def _item_vectors(service: Service, served: ServedIndex, items: Sequence[Item]) -> Any:
    """Return the vectors `(n, dim)` of items, those of images and texts from the model."""
    vectors: list[Any] = [item.vector for item in items]
    for kind in ("image", "text"):
        rows = [row for row, item in enumerate(items) if getattr(item, kind) is not None]
        if rows:
            encoder = service.existing_encoder()
            embed = encoder.images if kind == "image" else encoder.texts
            made = await embed([getattr(items[row], kind) for row in rows])
            for row, vector in zip(rows, made, strict=True):
                vectors[row] = vector
    for row, vector in enumerate(vectors):
        if len(vector) != served.index.dim:
            raise Problem(
                409,
                f"the index {served.name!r} takes {served.index.dim} numbers a vector: item {row} has {len(vector)}.\n"
                "  Use the model that filled it.",
            )
    with np.errstate(over="ignore"):  # what is beyond float32 is refused as infinite
        return np.array(vectors, np.float32).reshape(len(vectors), served.index.dim)


def _shown(index: Index, item_id: int | str) -> dict[str, Any]:
    if item_id not in index:
        raise UnknownIdError(f"the index holds no item with id {item_id!r:.80}.\n  Check the id.")
    record = index.get([item_id])[0]
    return {
        "id": record.id,
        "label": label_to_json(record.label),
        "metadata": record.metadata,
        "vector": np.asarray(record.embedding).tolist(),
    }
