"""Embeddings in OpenAI's shape."""

import base64
from typing import Any

import numpy as np
from litestar import get, post
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from keras_similarity.serve.problems import Problem
from keras_similarity.serve.routes.queries import check_batch
from keras_similarity.serve.routes.replies import decode_body, reply
from keras_similarity.serve.schemas import EmbeddingsRequest
from keras_similarity.serve.service import Service

__all__ = ["embedding_routes"]


def embedding_routes(service: Service) -> list[Any]:
    """Return the handlers."""

    @post("/v1/embeddings", status_code=200)
    async def embeddings(scope: Scope) -> ASGIResponse:
        request = decode_body(scope, EmbeddingsRequest)
        served = service.existing_encoder()
        encoder = served.encoder
        if request.model != encoder.name:
            raise Problem(404, f"the model here is {encoder.name!r}: got {request.model!r:.80}.\n  Ask for this one.")
        if request.dimensions not in (None, encoder.dim):
            raise Problem(400, f"embeddings have {encoder.dim} numbers: got {request.dimensions}.\n  Leave it out.")
        inputs = [request.input] if isinstance(request.input, str) else request.input
        check_batch(service, len(inputs), "inputs")
        if not inputs:
            raise Problem(400, "`input` needs a string, or a list of some: got none.\n  Send what to embed.")
        rows = np.ascontiguousarray(await served.inputs(inputs), "<f4")
        data = [
            {"object": "embedding", "index": number, "embedding": _encoded(row, request.encoding_format)}
            for number, row in enumerate(rows)
        ]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return reply({"object": "list", "data": data, "model": encoder.name, "usage": usage})

    @get("/v1/models")
    async def models() -> ASGIResponse:
        name = [] if service.encoder is None else [service.encoder.encoder.name]
        data = [{"id": model, "object": "model", "created": 0, "owned_by": "keras-similarity"} for model in name]
        return reply({"object": "list", "data": data})

    return [embeddings, models]


def _encoded(row: np.ndarray, encoding_format: str) -> Any:
    return base64.b64encode(row.tobytes()).decode() if encoding_format == "base64" else row.tolist()
