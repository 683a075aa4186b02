"""Asking an index: its neighbours, and the calibrated label of a query."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Scope
from msgspec import UNSET

from keras_similarity.calibrate import CalibrationResults, match
from keras_similarity.core.label_json import label_to_json
from keras_similarity.core.results import SearchResult
from keras_similarity.serve.answers import NUMBER_BYTES, too_large_answer
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.routes.replies import decode_body, json_reply, reply
from keras_similarity.serve.schemas import MatchRequest, Query, QueryRequest
from keras_similarity.serve.searches import Search, vector_of
from keras_similarity.serve.served_index import ServedIndex
from keras_similarity.serve.service import Service

__all__ = ["QUERY_ROUTE", "answer_query", "query_routes"]

QUERY_ROUTE = "/v1/indexes/{name:str}/query"
SOURCES = ("vector", "vectors", "id", "image", "images", "text", "texts")
INCLUDED = frozenset({"metadata"})
NO_LABEL = object()  # no label of any index


def query_routes(service: Service) -> list[Any]:
    """Return the handlers."""

    @get("/v1/indexes")
    async def list_indexes() -> ASGIResponse:
        return reply({"indexes": [_summary(served) for served in service.indexes.values()]})

    @get("/v1/indexes/{name:str}")
    async def describe_index(name: FromPath[str]) -> ASGIResponse:
        served = service.index(name)
        about = await served.read(lambda index: index.describe())
        return reply(_summary(served) | {"engine": about["engine"], "calibrated": served.calibration is not None})

    @post(QUERY_ROUTE, status_code=200)
    async def query(name: FromPath[str], scope: Scope) -> ASGIResponse:
        return json_reply(await answer_query(service, service.index(name), scope))

    @post("/v1/indexes/{name:str}/match", status_code=200)
    async def match_query(name: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        request = decode_body(scope, MatchRequest)
        calibration = served.existing_calibration()
        vectors = await query_vectors(service, served, request)

        def decided(result: SearchResult) -> list[dict[str, Any]]:
            return _matches(result, calibration, request.cutpoint)

        return reply(
            {"results": await served.search(Search(vectors, calibration.k, exclude=request.id, answer=decided))}
        )

    return [list_indexes, describe_index, query, match_query]


async def answer_query(service: Service, served: ServedIndex, scope: Any) -> bytes:
    """Return the answer to a query as JSON."""
    request = decode_body(scope, QueryRequest)
    if request.k > service.limits.k:
        raise Problem(400, f"`k` may be at most {service.limits.k} (--max-k): got {request.k}.\n  Ask for less.")
    include = INCLUDED if request.include is UNSET else frozenset(request.include)
    vectors = await query_vectors(service, served, request)
    _check_neighbors(service, len(vectors) * request.k, served.index.dim if "vector" in include else 0)
    return await served.search(Search(vectors, request.k, request.where, request.max_distance, include, request.id))


async def query_vectors(service: Service, served: ServedIndex, request: Query) -> list[Any]:
    """Return the vectors that a request asks for, by whatever it names them.

    Raises:
        Problem: 400 for none of `SOURCES` or several of them; 413 for too many.
    """
    given = [name for name in SOURCES if getattr(request, name) is not None]
    if len(given) != 1:
        raise Problem(
            400, f"a query needs one of {', '.join(SOURCES)}: got {' and '.join(given) or 'none'}.\n  Send one of them."
        )
    if request.vector is not None:
        return [request.vector]
    if request.vectors is not None:
        check_batch(service, len(request.vectors), "queries")
        return request.vectors
    if request.id is not None:
        item_id = request.id
        return [await served.read(lambda index: vector_of(index, item_id))]
    return await _embedded(service, request)


async def _embedded(service: Service, request: Query) -> list[Any]:
    encoder = service.existing_encoder()
    images = [request.image] if request.image is not None else request.images
    texts = [request.text] if request.text is not None else request.texts
    inputs = images if images is not None else texts or []
    check_batch(service, len(inputs), "queries")
    if not inputs:
        return []
    return list(await (encoder.texts(inputs) if images is None else encoder.images(inputs)))


def check_batch(service: Service, count: int, what: str) -> None:
    """Raise a 413 for more than a request may have."""
    if count > service.limits.batch:
        raise Problem(
            413, f"a request may have {service.limits.batch} {what} (--batch): got {count}.\n  Send several requests."
        )


def _check_neighbors(service: Service, count: int, dim: int) -> None:
    """Raise a 413 for more neighbours than an answer may have, each with a vector of `dim` numbers."""
    limits = service.limits
    if count > limits.neighbors:
        raise Problem(
            413,
            f"a request may have {limits.neighbors:,} neighbours, its queries times `k` (--max-neighbors): "
            f"got {count:,}.\n  Send several requests, or ask for less.",
        )
    if count * dim * NUMBER_BYTES > limits.answer_bytes:
        raise too_large_answer(limits.answer_bytes)


def _summary(served: ServedIndex) -> dict[str, Any]:
    index = served.index
    return {"name": served.name, "dim": index.dim, "distance": index.distance.name, "size": len(index)}


def _matches(result: SearchResult, calibration: CalibrationResults, cutpoint: str) -> list[dict[str, Any]]:
    matches = match(result, calibration, cutpoint, no_match_label=NO_LABEL)
    columns = zip(matches.candidates, matches.matched, matches.distances, matches.probabilities, strict=True)
    return [
        {
            "label": label_to_json(candidate) if matched else None,
            "matched": bool(matched),
            "candidate": label_to_json(candidate),
            "distance": float(distance),
            "probability": float(probability),
        }
        for candidate, matched, distance, probability in columns
    ]
