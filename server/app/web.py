"""The web application: the JSON API, the pages, the probes. The table of contents of the HTTP surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from server.account.limiter import SignInLimiter
from server.app.health import health_router
from server.command import endpoints as command
from server.conversation import endpoints as conversation
from server.detection import endpoints as detection
from server.detection import fleet_model_endpoints as fleet
from server.device import endpoints as device
from server.device.enrolment_limiter import EnrolmentLimiter
from server.firmware import endpoints as firmware
from server.incident import endpoints as incident
from server.ingest import endpoints as ingest
from server.insight import endpoints as insight
from server.job import endpoints as job
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.problems import PROBLEMS
from server.kit.settings import Settings
from server.kit.web import WebContext
from server.pages.live import Broadcast
from server.pages.setup import install_pages
from server.telemetry.store import TelemetryStore
from server.ticket import endpoints as ticket

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the web application works on; owned and closed by whoever made it."""

    records: Database
    telemetry: TelemetryStore
    clock: Clock
    settings: Settings
    after_commit: Callable[[], None]
    live: Broadcast
    is_ready: Callable[[], bool]


def create_app(parts: WebParts) -> FastAPI:
    """A FastAPI app without lifespan: everything in `parts` runs already."""
    app = FastAPI(
        title="Forewarn",
        summary="Proactive support for connected devices",
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.web = WebContext(parts.records, parts.clock, parts.settings, parts.after_commit)
    app.state.telemetry = parts.telemetry
    app.state.live = parts.live
    app.state.sign_in_limiter = SignInLimiter()
    app.state.enrolment_limiter = EnrolmentLimiter()
    api = APIRouter(prefix=API, responses=PROBLEMS)
    for feature in (
        insight,
        device,
        command,
        firmware,
        detection,
        fleet,
        incident,
        ticket,
        job,
        conversation,
        ingest,
    ):
        api.include_router(feature.router)
    app.include_router(api)
    app.include_router(health_router(parts.is_ready))
    install_pages(app, parts.settings)
    return app
