"""The API described in OpenAPI 3.1, from the same schemas that decode its requests."""

from typing import Any

import msgspec

from keras_similarity.serve.limits import Limits
from keras_similarity.serve.schemas import EmbeddingsRequest, ItemsRequest, MatchRequest, Nothing, QueryRequest

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
    503: "Not ready",
    504: "Too slow",
    507: "The disk is full",
}
NUMBER, STRING, WHOLE = {"type": "number"}, {"type": "string"}, {"type": "integer"}
ANY_ID = {"type": ["integer", "string"]}
OBJECT = {"type": ["object", "null"]}
SUMMARY = {"name": STRING, "dim": WHOLE, "distance": STRING, "size": WHOLE}


def describe_api(limits: Limits) -> dict[str, Any]:
    """Return the description as JSON values."""
    bodies = [QueryRequest, MatchRequest, ItemsRequest, EmbeddingsRequest, Nothing]
    _, components = msgspec.json.schema_components(bodies, ref_template=REF)
    components["QueryRequest"]["properties"]["k"]["maximum"] = limits.k
    components["ItemsRequest"]["properties"]["items"]["maxItems"] = limits.batch
    components["Problem"] = _object(type=STRING, title=STRING, status=WHOLE, detail=STRING, request_id=STRING)
    components["OpenAIError"] = _object(error={"type": "object"})
    return {
        "openapi": "3.1.0",
        "info": {"title": "keras-similarity", "version": "1", "description": "Find things that are like other things."},
        "paths": _paths(),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "security": [{}, {"bearer": []}, {"header": []}],
    }


def _paths() -> dict[str, Any]:
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
    } | {f"/v1/indexes/{{name}}{path}": methods for path, methods in _index_paths().items()}


def _index_paths() -> dict[str, Any]:
    whole = _object(**SUMMARY, engine={"type": "object"}, calibrated={"type": "boolean"})
    about = {"id": ANY_ID, "label": {}, "metadata": OBJECT, "vector": _list(NUMBER)}
    found = _object(("metadata", "vector"), distance=NUMBER, **about)
    label = _object(label={}, matched={"type": "boolean"}, candidate={}, distance=NUMBER, probability=NUMBER)
    results = {"query": _list(_list(found)), "match": _list(label)}
    named: dict[str, Any] = {"path": ("name",)}
    one: dict[str, Any] = {"path": ("name", "item_id")}

    def post(summary: str, body: str, answer: Any, *refusals: int, success: int = 200) -> dict[str, Any]:
        return {"post": _operation(summary, answer, *ASKING, *refusals, body=body, success=success, **named)}

    return {
        "": {"get": _operation("One index", whole, 404, **named)},
        "/query": post("The nearest items of each query", "QueryRequest", _object(results=results["query"])),
        "/match": post("The label of each query, or none", "MatchRequest", _object(results=results["match"])),
        "/items:batch": post("Add or replace items", "ItemsRequest", _object(upserted=WHOLE), 507),
        "/items/{item_id}": {
            "get": _operation("One item", _object(**about), 400, 404, 422, **one),
            "delete": _operation("Remove an item", _object(deleted=WHOLE), 400, 404, 422, 507, **one),
        },
        "/snapshots": post("Copy the index", "Nothing", _object(snapshot=STRING), 507, success=201),
        "/reload": post("Open the index anew", "Nothing", _object(size=WHOLE)),
    }


ASKING = (400, 404, 408, 409, 413, 415, 422, 504)
ALWAYS = (401, 403, 429, 500, 503)


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
) -> dict[str, Any]:
    content = {"text/plain": {"schema": STRING}} if answer is None else {"application/json": {"schema": answer}}
    responses: dict[str, Any] = {str(success): {"description": summary, "content": content}}
    for status in sorted({*refusals, *ALWAYS}):
        schema = {"schema": {"$ref": REF.format(name=error)}}
        responses[str(status)] = {"description": REASONS[status], "content": {error_type: schema}}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if path:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in path
        ]
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
