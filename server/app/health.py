"""What machines ask: is the process alive, does it do its work, how much of it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel


class Health(BaseModel):
    status: str


def health_router(is_ready: Callable[[], bool]) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`, at the root and without sign-in: they tell no one's data."""
    router = APIRouter(tags=["health"], include_in_schema=False)

    @router.get("/healthz")
    def alive() -> Health:
        return Health(status="ok")

    @router.get("/readyz")
    def ready(response: Response) -> Health:
        if is_ready():
            return Health(status="ready")
        response.status_code = 503
        return Health(status="starting")

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
