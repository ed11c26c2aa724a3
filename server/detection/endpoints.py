"""`/api/v1/tuning`: how cautious the detectors are with each model, and what people's verdicts taught."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Query, Request

from anomaly.tuning import CAUTION_RANGE
from server.account.dependencies import DeskViewer
from server.detection import replaying, repository, tuning
from server.detection.detector import engine_settings
from server.detection.model import CohortTuning
from server.detection.schemas import (
    CohortDetail,
    LabelView,
    ReplayView,
    TuningChange,
    TuningView,
)
from server.kit.errors import BadInput, NotFound
from server.kit.web import AppSettings, Context, Now, Reading, Writing
from server.telemetry.store import TelemetryStore

router = APIRouter(prefix="/tuning", tags=["tuning"])

Cohort = Annotated[str, Query(min_length=1, max_length=128, description="a model, in lower case")]
MAX_LABELS = 500


@router.get("")
def list_tunings(session: Reading, _viewer: DeskViewer) -> list[TuningView]:
    """Every cohort with the version that holds."""
    newest = {row.cohort: row for row in repository.newest_tunings(session)}
    return [_view(cohort, newest.get(cohort)) for cohort in tuning.cohorts(session)]


@router.get("/cohort")
def read_tuning(session: Reading, _viewer: DeskViewer, cohort: Cohort) -> CohortDetail:
    """All versions and the labels that count now, newest first."""
    if cohort not in tuning.cohorts(session):
        raise NotFound(f"no device is of the model {cohort!r}")
    labels = repository.current_labels(session, cohort, limit=MAX_LABELS)
    return CohortDetail(
        versions=[_view(cohort, row) for row in repository.tunings(session, cohort)],
        labels=[LabelView.model_validate(row) for row in labels],
    )


@router.post("/cohort")
def change_tuning(
    session: Writing, viewer: DeskViewer, now: Now, body: TuningChange, cohort: Cohort
) -> TuningView:
    """A new version, which the running detectors take up within seconds."""
    wishes = [body.caution is not None, body.revert_to is not None, body.follow_labels]
    if sum(wishes) != 1:
        raise BadInput("body", "give one of caution, revert_to and follow_labels")
    by = viewer.name
    made: CohortTuning | None
    if body.caution is not None:
        made = tuning.set_by_hand(session, cohort, body.caution, by=by, now=now)
    elif body.revert_to is not None:
        made = tuning.revert(session, cohort, body.revert_to, by=by, now=now)
    else:
        made = tuning.follow_labels(session, cohort, by=by, now=now)
    return _view(cohort, made)


@router.get("/replay")
def replay_cohort(
    request: Request, web: Context, settings: AppSettings, now: Now, _viewer: DeskViewer, *,
    cohort: Cohort,
    caution: Annotated[float, Query(ge=CAUTION_RANGE[0], le=CAUTION_RANGE[1])],
    days: Annotated[float, Query(gt=0, le=replaying.MAX_DAYS)] = 30,
) -> list[ReplayView]:  # fmt: skip
    """The last days under the caution that holds, and under another. Takes seconds a device."""
    store = cast("TelemetryStore", request.app.state.telemetry)
    with web.database.reading() as session:
        wish = replaying.asked(session, cohort, caution, days, now=now)
    answers = replaying.replay(store, wish.question, wish.about, engine_settings(settings))
    return [ReplayView.model_validate(answer) for answer in answers]


def _view(cohort: str, row: CohortTuning | None) -> TuningView:
    if row is not None:
        return TuningView.model_validate(row)
    return TuningView(
        cohort=cohort, version=0, caution=1.0, origin="", counts={}, reverted_to=None, made_by="",
        made_at=None,
    )  # fmt: skip
