"""What a calibrated index takes for known, and what a threshold would make of its items."""

from typing import Any

from litestar import get
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from keras_similarity.serve.explorer import Explorer
from keras_similarity.serve.explorer.decisions import calibration_curves
from keras_similarity.serve.explorer.jobs import NotReadyError
from keras_similarity.serve.routes.replies import not_ready, reply, wants_renewal
from keras_similarity.serve.service import Service

__all__ = ["threshold_routes"]


def threshold_routes(service: Service, explorer: Explorer) -> list[Any]:
    """Return the handlers."""

    @get("/v1/indexes/{name:str}/map/decisions")
    async def show_decisions(name: FromPath[str], scope: Scope) -> ASGIResponse:
        served = service.index(name)
        try:
            return reply(await explorer.decisions(served, renew=wants_renewal(scope)))
        except NotReadyError:
            return not_ready()

    @get("/v1/indexes/{name:str}/calibration")
    async def calibration(name: FromPath[str]) -> ASGIResponse:
        return reply(calibration_curves(service.index(name).existing_calibration()))

    return [show_decisions, calibration]
