"""The API described in OpenAPI 3.1, from the same schemas that decode its requests."""

from typing import Any

import msgspec

from keras_similarity.serve.limits import Limits
from keras_similarity.serve.schemas import (
    EmbeddingsRequest,
    ItemsRequest,
    LocateRequest,
    MapItemsRequest,
    MatchRequest,
    Nothing,
    QueryRequest,
    RelabelRequest,
    SelectRequest,
)

__all__ = ["describe_api"]

REF = "#/components/schemas/{name}"
REASONS = {
    400: "Malformed",
    401: "No valid key",
    403: "Not allowed",
    404: "No such thing",
    408: "The body came too slowly",
    409: "Another dimension, or something is missing",
    413: "Too much; the limit is named",
    415: "Another type of content",
    422: "Cannot be used",
    429: "Too many requests",
    500: "The server or the model failed",
    501: "A package is not installed",
    503: "Not ready",
    504: "Too slow",
    507: "The disk is full",
}
NUMBER, STRING, WHOLE = {"type": "number"}, {"type": "string"}, {"type": "integer"}
DISTANCE = {"type": ["number", "null"]}  # null for one beyond float32
ANY_ID = {"type": ["integer", "string"]}
OBJECT = {"type": ["object", "null"]}
SUMMARY = {"name": STRING, "dim": WHOLE, "distance": STRING, "size": WHOLE}


def describe_api(limits: Limits, *, explorer: bool = False) -> dict[str, Any]:
    """Return the description as JSON values, with what the explorer page asks if the server has one."""
    bodies = [QueryRequest, MatchRequest, ItemsRequest, EmbeddingsRequest, Nothing]
    bodies += [SelectRequest, MapItemsRequest, LocateRequest, RelabelRequest] if explorer else []
    _, components = msgspec.json.schema_components(bodies, ref_template=REF)
    components["QueryRequest"]["properties"]["k"]["maximum"] = limits.k
    components["ItemsRequest"]["properties"]["items"]["maxItems"] = limits.batch
    components["Problem"] = _object(type=STRING, title=STRING, status=WHOLE, detail=STRING, request_id=STRING)
    components["OpenAIError"] = _object(error={"type": "object"})
    return {
        "openapi": "3.1.0",
        "info": {"title": "keras-similarity", "version": "1", "description": "Find things that are like other things."},
        "paths": _paths(explorer),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "security": [{}, {"bearer": []}, {"header": []}],
    }


def _paths(explorer: bool) -> dict[str, Any]:
    status = _object(status=STRING)
    embedding = _object(object=STRING, index=WHOLE, embedding={"type": ["array", "string"]})
    embeddings = _object(object=STRING, data=_list(embedding), model=STRING, usage={"type": "object"})
    models = _object(object=STRING, data=_list({"type": "object"}))
    openai: dict[str, Any] = {"error": "OpenAIError", "error_type": "application/json"}
    return {
        "/healthz": {"get": _operation("The process lives", status, security=False)},
        "/readyz": {"get": _operation("It answers requests", status, security=False)},
        "/metrics": {"get": _operation("Measurements for Prometheus", None)},
        "/openapi.json": {"get": _operation("This description", {"type": "object"})},
        "/v1/indexes": {"get": _operation("Every index", _object(indexes=_list(_object(**SUMMARY))))},
        "/v1/models": {"get": _operation("The model's name", models)},
        "/v1/embeddings": {
            "post": _operation("Embeddings, in OpenAI's shape", embeddings, *ASKING, body="EmbeddingsRequest", **openai)
        },
    } | {
        f"/v1/indexes/{{name}}{path}": methods
        for path, methods in (_index_paths() | (_explorer_paths() if explorer else {})).items()
    }


def _index_paths() -> dict[str, Any]:
    whole = _object(**SUMMARY, engine={"type": "object"}, calibrated={"type": "boolean"})
    about = {"id": ANY_ID, "label": {}, "metadata": OBJECT, "vector": _list(NUMBER)}
    found = _object(("metadata", "vector"), distance=DISTANCE, **about)
    label = _object(label={}, matched={"type": "boolean"}, candidate={}, distance=DISTANCE, probability=NUMBER)
    results = {"query": _list(_list(found)), "match": _list(label)}
    named: dict[str, Any] = {"path": ("name",)}
    one: dict[str, Any] = {"path": ("name", "item_id")}

    def post(summary: str, body: str, answer: Any, *refusals: int, **more: Any) -> dict[str, Any]:
        return {"post": _operation(summary, answer, *ASKING, *refusals, body=body, **named, **more)}

    return {
        "": {"get": _operation("One index", whole, 404, **named)},
        "/query": post("The nearest items of each query", "QueryRequest", _object(results=results["query"])),
        "/match": post("The label of each query, or none", "MatchRequest", _object(results=results["match"])),
        "/items:batch": post("Add or replace items", "ItemsRequest", _object(upserted=WHOLE), 507, repeats=True),
        "/items/{item_id}": {
            "get": _operation("One item", _object(**about), 400, 404, 422, **one),
            "delete": _operation("Remove an item", _object(deleted=WHOLE), 400, 404, 422, 507, repeats=True, **one),
        },
        "/snapshots": post("Copy the index", "Nothing", _object(snapshot=STRING), 507, success=201, repeats=True),
        "/reload": post("Open the index anew", "Nothing", _object(size=WHOLE)),
    }


def _explorer_paths() -> dict[str, Any]:
    named: dict[str, Any] = {"path": ("name",)}
    anything: dict[str, Any] = {"type": "object"}

    def get(summary: str, *refusals: int, **more: Any) -> dict[str, Any]:
        return {"get": _operation(summary, more.pop("answer", anything), 400, 404, *refusals, **named, **more)}

    def post(summary: str, body: str, answer: Any, *refusals: int, **more: Any) -> dict[str, Any]:
        return {"post": _operation(summary, answer, *ASKING, *refusals, body=body, **named, **more)}

    kind: dict[str, Any] = {"answer": None, "kind": "application/octet-stream"}
    items = _object(items=_list({"type": ["object", "null"]}))
    selected = _object(total=WHOLE, ids=_list(ANY_ID), labels=_list({}))
    shown = _operation(
        "An item's picture or text", None, 400, 404, 504, path=("name", "item_id"), kind="image/png", empty=True
    )
    return {
        "/map": get("The map, made when it is first asked for", 422, 504, later=True),
        "/map/points": get("The points to draw, as numbers", 409, query=("map", "x0", "y0", "x1", "y1"), **kind),
        "/map/decisions": get("What neighbours decide on", 409, 422, 504, later=True),
        "/map/select": post("The items inside a polygon", "SelectRequest", selected),
        "/map/items": post("The items that points are", "MapItemsRequest", items),
        "/map/locate": post("Where items are", "LocateRequest", items),
        "/calibration": get("Thresholds and what they achieve", 409),
        "/duplicates": get("Near-copies", 422, 501, 504, later=True),
        "/label-issues": get("Labels that are probably wrong", 422, 501, 504, later=True),
        "/previews/{item_id}": {"get": shown},
        "/items:relabel": post("Change labels", "RelabelRequest", _object(relabelled=WHOLE), 507, repeats=True),
    }


ASKING = (400, 404, 408, 409, 413, 415, 422, 504)
ALWAYS = (401, 403, 429, 500, 503)
REPEAT_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A request with the key of one that was answered gets its answer, and changes nothing",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def _operation(
    summary: str,
    answer: dict[str, Any] | None,
    *refusals: int,
    body: str | None = None,
    path: tuple[str, ...] = (),
    success: int = 200,
    security: bool = True,
    error: str = "Problem",
    error_type: str = "application/problem+json",
    kind: str = "text/plain",
    query: tuple[str, ...] = (),
    later: bool = False,
    empty: bool = False,
    repeats: bool = False,
) -> dict[str, Any]:
    content = {kind: {"schema": STRING}} if answer is None else {"application/json": {"schema": answer}}
    responses: dict[str, Any] = {str(success): {"description": summary, "content": content}}
    if later:
        waits = {"application/json": {"schema": _object(ready={"type": "boolean"})}}
        responses["202"] = {"description": "It is being made; ask again", "content": waits}
    if empty:
        content["text/plain"] = {"schema": STRING}
        responses["204"] = {"description": "There is nothing to show"}
    for status in sorted({*refusals, *ALWAYS}):
        schema = {"schema": {"$ref": REF.format(name=error)}}
        responses[str(status)] = {"description": REASONS[status], "content": {error_type: schema}}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if path:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in path
        ] + [{"name": name, "in": "query", "required": name == "map", "schema": NUMBER} for name in query]
        operation["parameters"] += [REPEAT_KEY] if repeats else []
    if body is not None:
        schema = {"schema": {"$ref": REF.format(name=body)}}
        operation["requestBody"] = {"required": True, "content": {"application/json": schema}}
    if not security:
        operation["security"] = []
    return operation


def _object(_optional: tuple[str, ...] = (), /, **properties: Any) -> dict[str, Any]:
    required = [name for name in properties if name not in _optional]
    return {"type": "object", "properties": properties, "required": required}


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of}
