"""Field jobs in the JSON API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from field_service import JOB_LIFE_CYCLE, JobAction, JobState, Outcome
from server.job.model import MAX_ACTION, MAX_COMPONENT, MAX_NOTE, Job
from server.job.service import Step
from server.kit.paging import RowId


class Transition(BaseModel):
    """One step of a job. `finish` needs `verdict`, and `component` and `work_done` where a fault was
    found. `client_id` makes a step that is sent twice count once; `at` is when it was done, if earlier.
    """

    model_config = ConfigDict(extra="forbid")

    action: JobAction
    technician_id: RowId | None = None
    verdict: Outcome | None = None
    component: Annotated[str, Field(max_length=MAX_COMPONENT)] = ""
    work_done: Annotated[str, Field(max_length=MAX_ACTION)] = ""
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""
    client_id: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    version: int | None = None
    at: AwareDatetime | None = None

    def as_step(self) -> Step:
        return Step(**self.model_dump())


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    planned_for: AwareDatetime


class Bring(BaseModel):
    parts: list[str]
    tools: list[str]


class StepView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    action: JobAction
    state: JobState
    by_user_id: int | None
    at: datetime


class JobView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    incident_id: int | None
    ticket_id: int
    device_id: str
    site: str
    skill: str
    technician_id: int | None
    state: JobState
    planned_for: datetime | None
    tasks: list[str]
    bring: Bring
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    verdict: Outcome | None
    component: str | None
    work_done: Annotated[str | None, Field(validation_alias="action")]
    note: str | None
    version: int


class JobDetail(BaseModel):
    job: JobView
    possible: list[JobAction]
    """What the life-cycle allows now."""
    steps: list[StepView]


def possible(job: Job) -> list[JobAction]:
    return list(JOB_LIFE_CYCLE.actions(job.state))
