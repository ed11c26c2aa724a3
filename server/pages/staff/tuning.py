"""`/staff/tuning`: what verdicts have done to each model's caution, why, what if, and the way back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from anomaly import EngineSettings
from anomaly.tuning import CAUTION_RANGE
from server.account.dependencies import DeskViewer
from server.detection import replaying, repository, tuning
from server.kit.errors import NotFound
from server.kit.web import AppSettings, Context, Now, Reading, Writing
from server.pages.layout.charts import Telemetry
from server.pages.layout.forms import see
from server.pages.layout.rendering import page

router = APIRouter(prefix="/tuning")

MAX_LABELS = 200
STEPS = (0.5, 0.63, 0.8, 1.0, 1.25, 1.6, 2.0)
"""Cautions to choose from."""

Model = Annotated[str, Query(min_length=1, max_length=128)]


@router.get("")
def listing(request: Request, viewer: DeskViewer, session: Reading) -> Response:
    newest = {row.cohort: row for row in repository.newest_tunings(session)}
    rows = [(cohort, newest.get(cohort)) for cohort in tuning.cohorts(session)]
    return page(request, "staff/tuning.html", user=viewer, rows=rows)


@router.get("/model")
def model(
    request: Request, viewer: DeskViewer, web: Context, store: Telemetry, settings: AppSettings,
    now: Now, *, cohort: Model,
    caution: Annotated[float | None, Query(ge=CAUTION_RANGE[0], le=CAUTION_RANGE[1])] = None,
    days: Annotated[int, Query(ge=1, le=replaying.MAX_DAYS)] = 30,
) -> Response:  # fmt: skip
    """`caution` given: also what the last `days` would have looked like with it."""
    question = about = None
    with web.database.reading() as session:
        if cohort not in tuning.cohorts(session):
            raise NotFound(f"no device is of the model {cohort!r}")
        versions = repository.tunings(session, cohort)
        labels = repository.current_labels(session, cohort, limit=MAX_LABELS)
        holds = versions[0].caution if versions else 1.0
        if caution is not None:
            cautions = tuple(dict.fromkeys((holds, caution)))
            question = replaying.Question(cohort, cautions, now - timedelta(days=days), now)
            about = replaying.known(session, question)
    answers: list[replaying.Answer] = []
    if question is not None and about is not None:
        budget = settings.false_alarms_per_device_day
        engine = EngineSettings(false_alarms_per_device_day=budget)
        answers = replaying.replay(store, question, about, engine)
    return page(
        request, "staff/tuning_model.html", user=viewer, cohort=cohort, versions=versions,
        labels=labels, holds=holds, answers=answers, steps=sorted({*STEPS, holds}), days=days,
        caution=caution,
    )  # fmt: skip


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
