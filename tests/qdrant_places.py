"""Places for indexes in Qdrant: folders of its client's local mode, and the server's storage engine behind HTTP.

No server of Qdrant can be installed from a package registry. What is behind HTTP here is its engine, see
`qdrant_edge_shards.py`, and a handful of routes in Python that take no request that is not of the API's own types.
"""

import contextlib
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from keras_similarity import Index


class QdrantFolders:
    """A folder for each index: a process reads every collection of a folder when it opens one."""

    def __init__(self, folder):
        self._folder = folder

    def url(self):
        return f"qdrant://{self._folder}/{uuid.uuid4().hex}?table=items"

    def index(self, dim, distance="cosine", **settings):
        return Index(dim, distance, store=self.url(), **settings)


class QdrantOverHttp:
    """The engine behind the HTTP API, as far as indexes use it.

    Args:
        folder: Where its points lie.
    """

    def __init__(self, folder):
        from qdrant_client import models

        from qdrant_edge_shards import EdgeClient

        self.api_key, self.version = None, "1.16.0"  # what must be sent as such, and what it says it is
        self.requests = []  # method, path and body of each
        self.refusals = []  # status codes to answer the next writes with; 0 to hang up, 1 to do it and then hang up
        self.words = "refused"  # of a refusal
        self.models, self.client = models, EdgeClient(folder)
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"place": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, table=None, **options):
        more = "".join(f"&{name}={value}" for name, value in options.items())
        return f"qdrant://127.0.0.1:{self.port}?table={table or f't{uuid.uuid4().hex}'}{more}"

    def index(self, dim, distance="cosine", **settings):
        return Index(dim, distance, store=self.url(), **settings)

    def sent(self, path):
        """Bodies of the requests whose path ends so."""
        return [body for _, at, body in self.requests if at.partition("?")[0].endswith(path)]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self.client.close()

    def answer(self, method, path, body):
        """Return what the engine makes of a request, whose body must be one of the API's own types."""
        models, client = self.models, self.client
        _, _, name, *rest = path.partition("?")[0].split("/")
        if rest[:1] == ["points"]:
            return self._of_points(name, [method, *rest[1:]], body)
        match [method, *rest]:
            case ["GET", "exists"]:
                return {"exists": client.collection_exists(name)}
            case ["GET"]:
                return client.get_collection(name)
            case ["PUT"]:
                asked = models.CreateCollection.model_validate_json(body)
                return client.create_collection(name, vectors_config=asked.vectors)
            case ["PUT", "index"]:
                asked = models.CreateFieldIndex.model_validate_json(body)
                return client.create_payload_index(name, asked.field_name, asked.field_schema)
            case ["POST", "facet"]:
                asked = models.FacetRequest.model_validate_json(body)
                return client.facet(name, asked.key, limit=asked.limit)
        raise ValueError(f"no answer to {method} {path}")

    def _of_points(self, name, words, body):
        models, client = self.models, self.client
        match words:
            case ["PUT"]:
                asked = models.PointsList.model_validate_json(body)
                return client.upsert(name, asked.points, update_filter=asked.update_filter)
            case ["POST"]:
                asked = models.PointRequest.model_validate_json(body)
                return client.retrieve(name, asked.ids, asked.with_payload, asked.with_vector or False)
            case ["POST", "delete"]:
                kind = models.FilterSelector if "filter" in json.loads(body) else models.PointIdsList
                return client.delete(name, kind.model_validate_json(body))
            case ["POST", "count"]:
                return client.count(name, models.CountRequest.model_validate_json(body).filter)
            case ["POST", "scroll"]:
                asked = models.ScrollRequest.model_validate_json(body)
                place = asked.filter, asked.limit, asked.order_by, asked.offset
                points, offset = client.scroll(name, *place, asked.with_payload, asked.with_vector or False)
                return models.ScrollResult(points=points, next_page_offset=offset)
            case ["POST", "query"]:
                return self._found(name, models.QueryRequest.model_validate_json(body))
            case ["POST", "query", "batch"]:
                searches = models.QueryRequestBatch.model_validate_json(body).searches
                return [self._found(name, asked) for asked in searches]
        raise ValueError(f"no answer to {words}")

    def _found(self, name, asked):
        return self.client.query_points(
            name,
            asked.query,
            asked.using,
            query_filter=asked.filter,
            search_params=asked.params,
            limit=asked.limit,
            with_payload=asked.with_payload,
            with_vectors=asked.with_vector or False,
        )


class _Handler(BaseHTTPRequestHandler):
    place: QdrantOverHttp

    def _reply(self):
        place = self.place
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place.requests.append((self.command, self.path, json.loads(body or b"null")))
        code = 401 if place.api_key and self.headers.get("api-key") != place.api_key else 200
        if code == 200 and place.refusals and self.path.partition("?")[0].endswith("/points") and self.command == "PUT":
            code = place.refusals.pop(0)
        if code == 0:
            return
        result, status = None, {"error": place.words}
        if code in (1, 200):
            try:
                with place.lock:
                    result, status = self._result(body), "ok"
            except ValueError as error:
                code, status = 400, {"error": f"Wrong input: {error}"}
        if code == 1:
            return
        plain = result if self.path == "/" and code == 200 else {"result": result, "status": status, "time": 0.0}
        text = json.dumps(plain).encode()
        with contextlib.suppress(ConnectionError):  # who asked may have been killed
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def _result(self, body):
        if self.path == "/":
            return {"title": "qdrant", "version": self.place.version}
        found = self.place.answer(self.command, self.path, body)
        several = isinstance(found, list)
        dumped = [
            one.model_dump(mode="json") if hasattr(one, "model_dump") else one
            for one in (found if several else [found])
        ]
        return dumped if several else dumped[0]

    do_GET = do_PUT = do_POST = _reply

    def log_message(self, *arguments):
        """Say nothing."""
