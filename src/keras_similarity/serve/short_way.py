"""Past the router for the one route that is asked all the time: finding it takes as long as a search does."""

from typing import Any

from keras_similarity.serve.gate import REQUEST_ID_KEY
from keras_similarity.serve.problems import as_problem
from keras_similarity.serve.routes.queries import QUERY_ROUTE, answer_query
from keras_similarity.serve.service import Service

__all__ = ["ShortWay"]


class ShortWay:
    """An ASGI application that answers queries of known indexes, and leaves everything else to another.

    Args:
        app: What has every route, this one too.
        service: The server's state.
    """

    def __init__(self, app: Any, service: Service) -> None:
        self._app = app
        self._service = service
        self._asked = {QUERY_ROUTE.replace("{name:str}", name): served for name, served in service.indexes.items()}
        self._route = QUERY_ROUTE.replace(":str", "")  # as the router says it

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        served = self._asked.get(scope.get("path"))
        if served is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["path_template"] = self._route
        try:
            content = await answer_query(self._service, served, scope)
        except Exception as error:
            raise as_problem(error, scope[REQUEST_ID_KEY]) from error
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})
