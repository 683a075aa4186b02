"""The API described in OpenAPI 3.1, from the same schemas that decode its requests."""

from collections.abc import Collection, Sequence
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
ASKING = (400, 404, 408, 409, 413, 415, 422, 504)
ALWAYS = (401, 403, 429, 500, 503)
OPEN: dict[str, Any] = {"security": []}  # for whoever asks, key or none
PROBLEM = {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}}
NAME, ITEM_ID = (
    {"name": name, "in": "path", "required": True, "schema": {"$ref": REF.format(name=schema)}}
    for name, schema in (("name", "IndexName"), ("item_id", "PathId"))
)
BOX = ("map", "x0", "y0", "x1", "y1")  # of the points that are asked for
REPEAT_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A request with the key of one that was answered gets its answer, and changes nothing",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def describe_api(
    limits: Limits, names: Collection[str] = (), *, explorer: bool = False, keys: bool = False
) -> dict[str, Any]:
    """Return the description as JSON values.

    Args:
        limits: The server's.
        names: Of its indexes.
        explorer: Whether it has the explorer page, and what that asks.
        keys: Whether it asks for a key.
    """
    bodies = [QueryRequest, MatchRequest, ItemsRequest, EmbeddingsRequest, Nothing]
    bodies += [SelectRequest, MapItemsRequest, LocateRequest, RelabelRequest] if explorer else []
    _, components = msgspec.json.schema_components(bodies, ref_template=REF)
    components["QueryRequest"]["properties"]["k"]["maximum"] = limits.k
    components["ItemsRequest"]["properties"]["items"]["maxItems"] = limits.batch
    components["IndexName"] = {"type": "string", "minLength": 1} | ({"enum": sorted(names)} if names else {})
    components["PathId"] = {"type": "string", "minLength": 1, "description": "Digits are a number; quoted, a string"}
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
        "security": [*([] if keys else [{}]), {"bearer": []}, {"header": []}],
    }


def _paths(explorer: bool) -> dict[str, Any]:
    status = _object(status=STRING)
    embedding = _object(object=STRING, index=WHOLE, embedding={"type": ["array", "string"]})
    embeddings = _object(object=STRING, data=_list(embedding), model=STRING, usage={"type": "object"})
    models = _object(object=STRING, data=_list({"type": "object"}))
    openai = _json({"$ref": REF.format(name="OpenAIError")})
    return {
        "/healthz": {"get": _operation("The process lives", status) | OPEN},
        "/readyz": {"get": _operation("It answers requests", status) | OPEN},
        "/metrics": {"get": _operation("Measurements for Prometheus", ("text/plain",))},
        "/openapi.json": {"get": _operation("This description", {"type": "object"})},
        "/v1/indexes": {"get": _operation("Every index", _object(indexes=_list(_object(**SUMMARY))))},
        "/v1/models": {"get": _operation("The model's name", models)},
        "/v1/embeddings": {
            "post": _operation(
                "Embeddings, in OpenAI's shape", embeddings, *ASKING, body="EmbeddingsRequest", error=openai
            )
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
    one = (NAME, ITEM_ID)
    removed = _operation("Remove an item", _object(deleted=WHOLE), 400, 404, 422, 507, parameters=(*one, REPEAT_KEY))
    return {
        "": {"get": _operation("One index", whole, 404, parameters=(NAME,))},
        "/query": _asked("The nearest items of each query", "QueryRequest", _object(results=results["query"])),
        "/match": _asked("The label of each query, or none", "MatchRequest", _object(results=results["match"])),
        "/items:batch": _written("Add or replace items", "ItemsRequest", _object(upserted=WHOLE)),
        "/items/{item_id}": {
            "get": _operation("One item", _object(**about), 400, 404, 422, parameters=one),
            "delete": removed,
        },
        "/snapshots": _written("Copy the index", "Nothing", _object(snapshot=STRING), success=201),
        "/reload": _asked("Open the index anew", "Nothing", _object(size=WHOLE)),
    }


def _explorer_paths() -> dict[str, Any]:
    anything: dict[str, Any] = {"type": "object"}
    waits = {"description": "It is being made; ask again", "content": _json(_object(ready={"type": "boolean"}))}
    later: dict[str, Any] = {"also": {"202": waits}}
    box = [{"name": name, "in": "query", "required": name == "map", "schema": NUMBER} for name in BOX]

    def get(summary: str, *refusals: int, **more: Any) -> dict[str, Any]:
        return {"get": _operation(summary, anything, 400, 404, *refusals, parameters=(NAME,), **more)}

    points = _operation(
        "The points to draw, as numbers", ("application/octet-stream",), 400, 404, 409, parameters=(NAME, *box)
    )
    shown = _operation(
        "An item's picture or text",
        ("image/png", "text/plain"),
        *(400, 404, 504),
        parameters=(NAME, ITEM_ID),
        also={"204": {"description": "There is nothing to show"}},
    )
    items = _object(items=_list({"type": ["object", "null"]}))
    selected = _object(total=WHOLE, ids=_list(ANY_ID), labels=_list({}))
    return {
        "/map": get("The map, made when it is first asked for", 422, 504, **later),
        "/map/points": {"get": points},
        "/map/decisions": get("What neighbours decide on", 409, 422, 504, **later),
        "/map/select": _asked("The items inside a polygon", "SelectRequest", selected),
        "/map/items": _asked("The items that points are", "MapItemsRequest", items),
        "/map/locate": _asked("Where items are", "LocateRequest", items),
        "/calibration": get("Thresholds and what they achieve", 409),
        "/duplicates": get("Near-copies", 422, 501, 504, **later),
        "/label-issues": get("Labels that are probably wrong", 422, 501, 504, **later),
        "/previews/{item_id}": {"get": shown},
        "/items:relabel": _written("Change labels", "RelabelRequest", _object(relabelled=WHOLE)),
    }


def _asked(summary: str, body: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Describe a request to an index that changes nothing of what it keeps."""
    return {"post": _operation(summary, answer, *ASKING, body=body, parameters=(NAME,))}


def _written(summary: str, body: str, answer: dict[str, Any], *, success: int = 200) -> dict[str, Any]:
    """Describe a write, which can be repeated and may find the disk full."""
    keyed = (NAME, REPEAT_KEY)
    return {"post": _operation(summary, answer, *ASKING, 507, body=body, parameters=keyed, success=success)}


def _operation(
    summary: str,
    answer: dict[str, Any] | tuple[str, ...],
    *refusals: int,
    body: str | None = None,
    parameters: Sequence[dict[str, Any]] = (),
    success: int = 200,
    also: dict[str, Any] | None = None,
    error: dict[str, Any] = PROBLEM,
) -> dict[str, Any]:
    """Describe one method of a path.

    Args:
        summary: What it does.
        answer: The schema of its JSON, or the types of content that is none.
        *refusals: Statuses of its errors, besides those that any method may give.
        body: Name of the schema of what it is sent.
        parameters: Those of the path, the query and the headers.
        success: Status of the answer.
        also: Other statuses that are no errors, and their responses.
        error: Content of an error.
    """
    content = _json(answer) if isinstance(answer, dict) else {kind: {"schema": STRING} for kind in answer}
    responses = {str(success): {"description": summary, "content": content}} | (also or {})
    for status in sorted({*refusals, *ALWAYS}):
        responses[str(status)] = {"description": REASONS[status], "content": error}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json({"$ref": REF.format(name=body)})}
    return operation


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _object(_optional: tuple[str, ...] = (), /, **properties: Any) -> dict[str, Any]:
    required = [name for name in properties if name not in _optional]
    return {"type": "object", "properties": properties, "required": required}


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of}
