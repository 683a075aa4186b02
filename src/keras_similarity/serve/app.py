"""The application: routes of Litestar behind the gate."""

from typing import Any

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException

from keras_similarity.serve.explorer.page_files import PAGE, page_files
from keras_similarity.serve.gate import REQUEST_ID_KEY, Gate
from keras_similarity.serve.problems import Problem, as_problem, problem_body
from keras_similarity.serve.repeats import Repeats
from keras_similarity.serve.routes.embeddings import embedding_routes
from keras_similarity.serve.routes.items import item_routes
from keras_similarity.serve.routes.map_items import map_item_routes
from keras_similarity.serve.routes.maps import map_routes
from keras_similarity.serve.routes.page import page_routes
from keras_similarity.serve.routes.queries import query_routes
from keras_similarity.serve.routes.review import review_routes
from keras_similarity.serve.routes.status import status_routes
from keras_similarity.serve.routes.thresholds import threshold_routes
from keras_similarity.serve.routes.upkeep import upkeep_routes
from keras_similarity.serve.service import Service
from keras_similarity.serve.short_way import ShortWay

__all__ = ["create_app"]


def create_app(service: Service) -> Any:
    """Return the ASGI application that serves `service`, for a server of yours; `run_server` brings one.

    Example:
        >>> import asyncio
        >>> from keras_similarity.serve import Service
        >>> app = create_app(Service({}))
        >>> scope = {"type": "http", "method": "GET", "path": "/healthz", "query_string": b""}
        >>> scope["headers"] = [(b"host", b"localhost")]
        >>> async def receive():
        ...     return {"type": "http.request"}
        >>> async def send(message):
        ...     answer.append(message)
        >>> answer = []
        >>> asyncio.run(app(scope, receive, send))
        >>> answer[0]["status"], answer[1]["body"]
        (200, b'{"status":"ok"}')
    """
    about = (status_routes, query_routes, item_routes, upkeep_routes, embedding_routes)
    handlers = [handler for routes in about for handler in routes(service)]
    keyless: set[str] = set()  # the page's files hold no data; it asks for a key itself
    if service.explorer is not None:
        files = page_files()
        keyless = {PAGE.rstrip("/"), *files}
        handlers += page_routes(files)
        handlers += [
            one
            for routes in (map_routes, map_item_routes, threshold_routes, review_routes)
            for one in routes(service, service.explorer)
        ]
    app = Litestar(
        handlers,
        openapi_config=None,
        logging_config=None,
        exception_handlers={Exception: _as_response},
        request_max_body_size=None,  # the gate has read it, within its limit
    )
    return Gate(ShortWay(Repeats(app), service), service, keyless)


def _as_response(request: Request[Any, Any, Any], error: Exception) -> Any:
    scope = request.scope
    request_id = str(scope.get(REQUEST_ID_KEY, ""))
    problem = _router_problem(error) or as_problem(error, request_id)
    kind, body = problem_body(problem, scope["path"], request_id)
    headers = {name.decode(): value.decode() for name, value in problem.headers.items()}
    return Response(body, status_code=problem.status, media_type=kind.decode(), headers=headers)


def _router_problem(error: Exception) -> Problem | None:
    """Return what Litestar itself refuses: no such path, another method."""
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        return None
    headers = {name.encode(): value.encode() for name, value in (error.headers or {}).items()}
    return Problem(error.status_code, f"{error.detail}.\n  /openapi.json describes what there is.", headers=headers)
