"""What the technician's pages show, gathered from the features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from field_service import JOB_LIFE_CYCLE, JobAction, JobState
from server.account import repository as accounts
from server.account.model import User
from server.account.viewer import Viewer
from server.detection import repository as detection
from server.detection.model import FindingRecord
from server.device import repository as devices
from server.device.model import Device
from server.incident import repository as incidents
from server.job import repository as jobs
from server.job import service as job_service
from server.job.model import Job, JobStep
from server.job.precedents import Precedent, precedents
from server.pages.case_views import OpenCase, open_cases, ranked
from server.pages.language.reader import Reader
from server.pages.wording.conditions import Condition, condition
from server.ticket import repository as tickets
from server.ticket.model import Ticket

UNDER_WAY = frozenset({JobState.TRAVELLING, JobState.ON_SITE, JobState.PAUSED})
OWN_ACTIONS = (
    JobAction.ASSIGN,
    JobAction.TRAVEL,
    JobAction.START,
    JobAction.RESUME,
    JobAction.PAUSE,
    JobAction.RELEASE,
)
"""What a technician does by one press, the likeliest first; finishing has a form."""


@dataclass(frozen=True, slots=True)
class JobRow:
    job: Job
    device: Device | None
    finding: FindingRecord | None


@dataclass(frozen=True, slots=True)
class JobList:
    under_way: list[JobRow]
    today: list[JobRow]
    later: list[JobRow]
    undated: list[JobRow]

    @property
    def empty(self) -> bool:
        return not (self.under_way or self.today or self.later or self.undated)


@dataclass(frozen=True, slots=True)
class JobView:
    job: Job
    device: Device | None
    condition: Condition | None
    case: OpenCase | None
    findings: Sequence[FindingRecord]
    ticket: Ticket | None
    owner: User | None
    technician: User | None
    steps: Sequence[JobStep]
    actions: list[JobAction]
    may_finish: bool
    precedents: Sequence[Precedent]


def job_rows(session: Session, rows: Sequence[Job]) -> list[JobRow]:
    known = devices.by_ids(session, {job.device_id for job in rows})
    cases = open_cases(session, {job.device_id for job in rows})
    return [
        JobRow(
            job,
            known.get(job.device_id),
            cases[job.device_id].finding if job.device_id in cases else None,
        )
        for job in rows
    ]


def job_list(session: Session, viewer: Viewer, reader: Reader) -> JobList:
    found = JobList([], [], [], [])
    today = reader.now.astimezone(reader.timezone).date()
    for row in job_rows(session, job_service.day_list(session, viewer)):
        planned = row.job.planned_for
        if row.job.state in UNDER_WAY:
            found.under_way.append(row)
        elif planned is None:
            found.undated.append(row)
        elif planned.astimezone(reader.timezone).date() <= today:
            found.today.append(row)
        else:
            found.later.append(row)
    return found


def job_view(session: Session, viewer: Viewer, reader: Reader, job: Job) -> JobView:
    device = devices.by_id(session, job.device_id)
    case = open_cases(session, [job.device_id]).get(job.device_id)
    ticket = tickets.ticket_by_id(session, job.ticket_id)
    mine = job.technician_id == viewer.user_id
    possible = JOB_LIFE_CYCLE.actions(job.state)
    return JobView(
        job=job,
        device=device,
        condition=condition(reader, device, case) if device else None,
        case=case,
        findings=ranked(detection.open_findings(session, [job.device_id])),
        ticket=ticket,
        owner=_user(session, ticket.owner_id if ticket else None),
        technician=_user(session, job.technician_id),
        steps=jobs.steps(session, job.id),
        actions=[
            action
            for action in OWN_ACTIONS
            if action in possible
            and ((action is JobAction.ASSIGN) == (job.technician_id is None))
            and (mine or action is JobAction.ASSIGN)
        ],
        may_finish=mine and JobAction.FINISH in possible,
        precedents=_precedents(session, job),
    )


def _precedents(session: Session, job: Job) -> Sequence[Precedent]:
    incident = incidents.incident_by_id(session, job.incident_id) if job.incident_id else None
    return precedents(session, incident) if incident else []


def _user(session: Session, user_id: int | None) -> User | None:
    return accounts.user_by_id(session, user_id) if user_id is not None else None
