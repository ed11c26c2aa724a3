"""A field job's life-cycle: from the need for hands to the technician's verdict."""

from __future__ import annotations

from enum import StrEnum

from field_service.errors import VerdictRefused
from field_service.life_cycle import LifeCycle
from field_service.verdict import Verdict


class JobState(StrEnum):
    OPEN = "open"
    ASSIGNED = "assigned"
    TRAVELLING = "travelling"
    ON_SITE = "on_site"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class JobAction(StrEnum):
    ASSIGN = "assign"
    RELEASE = "release"
    TRAVEL = "travel"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    CANCEL = "cancel"


JOB_LIFE_CYCLE: LifeCycle[JobState, JobAction] = LifeCycle(
    "job",
    JobState.OPEN,
    {
        (JobState.OPEN, JobAction.ASSIGN): JobState.ASSIGNED,
        (JobState.OPEN, JobAction.CANCEL): JobState.CANCELLED,
        (JobState.ASSIGNED, JobAction.TRAVEL): JobState.TRAVELLING,
        (JobState.ASSIGNED, JobAction.START): JobState.ON_SITE,
        (JobState.ASSIGNED, JobAction.ASSIGN): JobState.ASSIGNED,
        (JobState.ASSIGNED, JobAction.RELEASE): JobState.OPEN,
        (JobState.ASSIGNED, JobAction.CANCEL): JobState.CANCELLED,
        (JobState.TRAVELLING, JobAction.START): JobState.ON_SITE,
        (JobState.TRAVELLING, JobAction.RELEASE): JobState.OPEN,
        (JobState.TRAVELLING, JobAction.CANCEL): JobState.CANCELLED,
        (JobState.ON_SITE, JobAction.PAUSE): JobState.PAUSED,
        (JobState.ON_SITE, JobAction.FINISH): JobState.FINISHED,
        (JobState.PAUSED, JobAction.RESUME): JobState.ON_SITE,
        (JobState.PAUSED, JobAction.CANCEL): JobState.CANCELLED,
    },
)


def next_state(state: JobState, action: JobAction, verdict: Verdict | None = None) -> JobState:
    """The state after `action`.

    Raises TransitionRefused where the table has no row, VerdictRefused when a job would finish
    without a verdict.
    """
    after = JOB_LIFE_CYCLE.after(state, action)
    if action is JobAction.FINISH and verdict is None:
        raise VerdictRefused("verdict", "a job finishes with what was found, and none was given")
    return after
