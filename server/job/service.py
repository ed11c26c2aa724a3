"""Decisions on field jobs: who sees them, who may do what, what follows from a verdict.

A technician's phone works offline and sends its steps later, maybe twice: a step carries the phone's
own `client_id`, and one that is known already changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from field_service import (
    FieldServiceError,
    JobAction,
    JobState,
    Outcome,
    TransitionRefused,
    Verdict,
    VerdictRefused,
    next_state,
)
from server.account import repository as accounts
from server.account.viewer import DESK, Role, Viewer
from server.job import repository
from server.job.events import (
    DeviceRepaired,
    JobCancelled,
    JobFinished,
    JobMoved,
    JobPlanned,
    JobStarted,
)
from server.job.model import MAX_ACTION, MAX_COMPONENT, MAX_NOTE, Job, JobStep
from server.kit.errors import BadInput, Conflict, Forbidden, ForewarnError, NotFound
from server.kit.events import publish
from server.kit.text import one_line, paragraph
from server.ticket import lifecycle as tickets
from server.ticket.states import Resolution

_RESOLUTIONS = {
    Outcome.CONFIRMED: Resolution.REPAIRED,
    Outcome.DIFFERENT_FAULT: Resolution.REPAIRED,
    Outcome.NO_FAULT_FOUND: Resolution.NO_FAULT_FOUND,
    Outcome.EXTERNAL_CAUSE: Resolution.EXTERNAL_CAUSE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What somebody did or wants done. `at` is when, if it is sent later; `technician_id` is for
    `assign`, the verdict's fields for `finish`; `version` refuses a step on an outdated view.
    """

    action: JobAction
    technician_id: int | None = None
    verdict: Outcome | None = None
    component: str = ""
    work_done: str = ""
    note: str = ""
    client_id: str | None = None
    version: int | None = None
    at: datetime | None = None


def visible(session: Session, viewer: Viewer, job_id: int) -> Job:
    """The job, if the viewer may know of it: a technician his own and free ones. Raises NotFound."""
    return _seen(viewer, repository.job_by_id(session, job_id))


def jobs(
    session: Session,
    viewer: Viewer,
    *,
    states: Collection[JobState] = (),
    device_id: str | None = None,
    technician_id: int | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Job]:
    """Newest first; a technician gets his own and free ones. Raises Forbidden for owners."""
    _employee(viewer)
    is_technician = viewer.role is Role.TECHNICIAN
    return repository.jobs(
        session,
        technician_id=viewer.user_id if is_technician else technician_id,
        or_unassigned=is_technician,
        states=states,
        device_id=device_id,
        before_id=before_id,
        limit=limit,
    )


def day_list(session: Session, viewer: Viewer, *, limit: int = 100) -> Sequence[Job]:
    """The technician's own unfinished jobs in the order of work."""
    _employee(viewer)
    return repository.in_order_of_work(session, technician_id=viewer.user_id, limit=limit)


def free(session: Session, viewer: Viewer, *, limit: int = 100) -> Sequence[Job]:
    """Jobs that anybody may take."""
    _employee(viewer)
    return repository.in_order_of_work(session, technician_id=None, limit=limit)


def transition(session: Session, viewer: Viewer, job_id: int, step: Step, *, now: datetime) -> Job:
    """Do `step`; one whose `client_id` is known is not done again.

    Raises NotFound, Forbidden, Conflict (life-cycle or version), BadInput (verdict, technician).
    """
    job = _seen(viewer, repository.job_for_change(session, job_id))
    if step.client_id and repository.step_by_client_id(session, job.id, step.client_id):
        return job
    if step.version is not None and step.version != job.version:
        raise Conflict(f"the job has changed since (version {job.version}); load it again")
    verdict = _verdict(step)
    try:
        after = next_state(job.state, step.action, verdict)
    except FieldServiceError as error:
        raise _translated(error) from error
    _allowed(viewer, job, step)
    at = min(max(step.at or now, job.created_at), now)
    if step.action is JobAction.ASSIGN:
        job.technician_id = _technician(session, viewer, step.technician_id)
    elif step.action is JobAction.RELEASE:
        job.technician_id = None
    if step.action is JobAction.START:
        job.started_at = at
    job.state = after
    job.version += 1
    session.add(
        JobStep(
            job_id=job.id,
            action=step.action,
            state=after,
            by_user_id=viewer.user_id,
            client_id=step.client_id,
            at=at,
        )
    )
    if verdict is not None:
        _finish(session, job, verdict, at=at, now=now)
    _tell(session, job, step.action, now=now)
    session.flush()
    return job


def plan(
    session: Session, viewer: Viewer, job_id: int, planned_for: datetime, *, now: datetime
) -> Job:
    """Another time for a visit that has not begun. Raises NotFound, Forbidden, Conflict."""
    job = _seen(viewer, repository.job_for_change(session, job_id))
    if viewer.role not in DESK and job.technician_id != viewer.user_id:
        raise Forbidden("take the job first")
    if job.state not in (JobState.OPEN, JobState.ASSIGNED):
        raise Conflict(f"a job that is {job.state} can't be planned anew")
    job.planned_for = planned_for
    job.version += 1
    _planned(session, job, now=now)
    return job


def _finish(session: Session, job: Job, verdict: Verdict, *, at: datetime, now: datetime) -> None:
    job.finished_at = at
    job.verdict = verdict.outcome
    job.component, job.action, job.note = verdict.component, verdict.action, verdict.note
    finished = JobFinished(
        job_id=job.id,
        ticket_id=job.ticket_id,
        incident_id=job.incident_id,
        device_id=job.device_id,
        verdict=verdict.outcome,
        component=verdict.component,
        action=verdict.action,
    )
    publish(session, finished, now=now)
    if verdict.repaired:
        repaired = DeviceRepaired(
            device_id=job.device_id,
            job_id=job.id,
            at_s=at.timestamp(),
            component=verdict.component,
            action=verdict.action,
        )
        publish(session, repaired, now=now)
    resolution = _RESOLUTIONS[verdict.outcome]
    tickets.visit_ended(session, job.ticket_id, resolution=resolution, now=now)


def _tell(session: Session, job: Job, action: JobAction, *, now: datetime) -> None:
    moved = JobMoved(
        job_id=job.id,
        ticket_id=job.ticket_id,
        device_id=job.device_id,
        technician_id=job.technician_id,
        action=action,
        state=job.state,
    )
    publish(session, moved, now=now)
    if action in (JobAction.ASSIGN, JobAction.RELEASE):
        _planned(session, job, now=now)
    elif action is JobAction.START:
        started = JobStarted(job_id=job.id, ticket_id=job.ticket_id, device_id=job.device_id)
        publish(session, started, now=now)
    elif action is JobAction.CANCEL:
        publish(session, JobCancelled(job_id=job.id, ticket_id=job.ticket_id), now=now)
        tickets.visit_ended(session, job.ticket_id, resolution=None, now=now)


def _planned(session: Session, job: Job, *, now: datetime) -> None:
    event = JobPlanned(
        job_id=job.id,
        ticket_id=job.ticket_id,
        technician_id=job.technician_id,
        planned_for_s=job.planned_for.timestamp() if job.planned_for else None,
    )
    publish(session, event, now=now)


def _allowed(viewer: Viewer, job: Job, step: Step) -> None:
    if viewer.role in DESK:
        return
    if step.action is JobAction.CANCEL:
        raise Forbidden("only the support desk cancels a job")
    if step.action is JobAction.ASSIGN:
        if step.technician_id not in (None, viewer.user_id):
            raise Forbidden("a technician may take a job, not give it to another")
    elif job.technician_id != viewer.user_id:
        raise Forbidden("take the job first")


def _technician(session: Session, viewer: Viewer, user_id: int | None) -> int:
    if user_id is None and viewer.role is Role.TECHNICIAN:
        return viewer.user_id
    user = accounts.user_by_id(session, user_id) if user_id is not None else None
    if user is None or user.disabled_at is not None or user.role is not Role.TECHNICIAN:
        raise BadInput("technician_id", "must be a technician")
    return user.id


def _verdict(step: Step) -> Verdict | None:
    if step.action is not JobAction.FINISH:
        if step.verdict is not None:
            raise BadInput("verdict", "is given when a job finishes")
        return None
    if step.verdict is None:
        return None
    try:
        return Verdict(
            step.verdict,
            one_line(step.component, limit=MAX_COMPONENT),
            one_line(step.work_done, limit=MAX_ACTION),
            paragraph(step.note, limit=MAX_NOTE),
        )
    except VerdictRefused as error:
        raise _translated(error) from error


def _translated(error: FieldServiceError) -> ForewarnError:
    if isinstance(error, TransitionRefused):
        return Conflict(str(error))
    if isinstance(error, VerdictRefused):
        # On the wire `action` is what to do with the job; the work itself is `work_done`.
        field = {"action": "work_done"}.get(error.field, error.field)
        return BadInput(field, error.reason)
    return BadInput("action", str(error))


def _seen(viewer: Viewer, job: Job | None) -> Job:
    _employee(viewer)
    foreign = (
        job is not None
        and viewer.role is Role.TECHNICIAN
        and job.technician_id not in (None, viewer.user_id)
    )
    if job is None or foreign:
        raise NotFound("there is no such job")
    return job


def _employee(viewer: Viewer) -> None:
    if viewer.role is Role.OWNER:
        raise Forbidden("jobs are for technicians and the support desk")
