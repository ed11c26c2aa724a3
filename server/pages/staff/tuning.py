"""`/staff/tuning`: what verdicts have done to each model's caution, why, what if, and the way back.

What if: `/staff/tuning/replay` tells how far it is, for pages with scripts; without them the page itself
waits for the answer.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast
from urllib.parse import quote

from fastapi import APIRouter, Form, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from anomaly.tuning import CAUTION_RANGE
from server.account.dependencies import DeskViewer
from server.detection import replaying, repository, tuning
from server.detection.detector import engine_settings
from server.kit.errors import NotFound
from server.kit.web import AppSettings, Context, Now, Reading, Writing
from server.pages.language.formatting import reading
from server.pages.layout.charts import Telemetry
from server.pages.layout.forms import see
from server.pages.layout.rendering import Pages, page, reader
from server.pages.layout.steps import told_as_it_goes
from server.pages.staff.replays import Outcome, asked, replayed

router = APIRouter(prefix="/tuning")

MAX_LABELS = 200
STEPS = (0.5, 0.63, 0.8, 1.0, 1.25, 1.6, 2.0)
"""Cautions to choose from."""

Model = Annotated[str, Query(min_length=1, max_length=128)]
Caution = Annotated[float, Query(ge=CAUTION_RANGE[0], le=CAUTION_RANGE[1])]
Days = Annotated[int, Query(ge=1, le=replaying.MAX_DAYS)]


@router.get("")
def listing(request: Request, viewer: DeskViewer, session: Reading) -> Response:
    newest = {row.cohort: row for row in repository.newest_tunings(session)}
    rows = [(cohort, newest.get(cohort)) for cohort in tuning.cohorts(session)]
    return page(request, "staff/tuning.html", user=viewer, rows=rows)


@router.get("/model")
def model(
    request: Request, viewer: DeskViewer, web: Context, store: Telemetry, settings: AppSettings,
    now: Now, *, cohort: Model, caution: Caution | None = None, days: Days = 30,
) -> Response:  # fmt: skip
    """`caution` given: also what the last `days` would have looked like with it."""
    outcome: Outcome | None = None
    with web.database.reading() as session:
        if cohort not in tuning.cohorts(session):
            raise NotFound(f"no device is of the model {cohort!r}")
        versions = repository.tunings(session, cohort)
        labels = repository.current_labels(session, cohort, limit=MAX_LABELS)
        holds = versions[0].caution if versions else 1.0
    if caution is not None:
        wish = asked(web, cohort, caution, days, now=now)
        outcome = replayed(store, wish, engine_settings(settings))
    return page(
        request, "staff/tuning_model.html", user=viewer, cohort=cohort, versions=versions,
        labels=labels, holds=holds, outcome=outcome, steps=sorted({*STEPS, holds}), days=days,
        caution=caution,
    )  # fmt: skip


@router.get("/replay")
async def replay(
    request: Request, viewer: DeskViewer, web: Context, store: Telemetry, settings: AppSettings,
    now: Now, *, cohort: Model, caution: Caution, days: Days = 30,
) -> StreamingResponse:  # fmt: skip
    """As `text/event-stream`: `{"share", "text"}` as it goes on, at the end `{"html"}`, the answer."""
    wish = await run_in_threadpool(asked, web, cohort, caution, days, now=now)
    seen_by, pages = reader(request, viewer), cast("Pages", request.app.state.pages)

    def shown(outcome: Outcome) -> str:
        return pages.html(seen_by, "staff/tuning_outcome.html", outcome=outcome)

    steps = told_as_it_goes(
        lambda tell: shown(replayed(store, wish, engine_settings(settings), tell)),
        lambda share, doing: f"{doing}: {reading(seen_by, share, '/')}",
    )
    return StreamingResponse(
        steps,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post("/model")
def change(
    viewer: DeskViewer, session: Writing, now: Now, *, cohort: Model,
    do: Annotated[Literal["set", "revert", "follow"], Form()],
    caution: Annotated[float, Form(ge=CAUTION_RANGE[0], le=CAUTION_RANGE[1])] = 1.0,
    version: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
) -> Response:  # fmt: skip
    """A new version, which running detectors take up within seconds."""
    if do == "set":
        tuning.set_by_hand(session, cohort, caution, by=viewer.name, now=now)
    elif do == "revert":
        tuning.revert(session, cohort, version, by=viewer.name, now=now)
    else:
        tuning.follow_labels(session, cohort, by=viewer.name, now=now)
    return see(f"/staff/tuning/model?cohort={quote(cohort)}", "changed")
