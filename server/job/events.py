"""What happens to a field job."""

from __future__ import annotations

from dataclasses import dataclass

from server.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class JobOpened(Event):
    """`planned_for_s` in Unix seconds; `technician_id` null: nobody yet."""

    job_id: int
    ticket_id: int
    device_id: str
    technician_id: int | None
    planned_for_s: float | None


@dataclass(frozen=True, kw_only=True)
class JobPlanned(Event):
    """Another technician or another time."""

    job_id: int
    ticket_id: int
    technician_id: int | None
    planned_for_s: float | None


@dataclass(frozen=True, kw_only=True)
class JobMoved(Event):
    """Any transition, those that have an event of their own too; live pages listen to it."""

    job_id: int
    ticket_id: int
    device_id: str
    technician_id: int | None
    action: str
    state: str


@dataclass(frozen=True, kw_only=True)
class JobStarted(Event):
    job_id: int
    ticket_id: int
    device_id: str


@dataclass(frozen=True, kw_only=True)
class JobFinished(Event):
    """With the verdict: a label for the models."""

    job_id: int
    ticket_id: int
    incident_id: int | None
    device_id: str
    verdict: str
    component: str
    action: str


@dataclass(frozen=True, kw_only=True)
class JobCancelled(Event):
    job_id: int
    ticket_id: int


@dataclass(frozen=True, kw_only=True)
class DeviceRepaired(Event):
    """The device was changed by hand at `at_s` (Unix seconds): its baselines start anew."""

    device_id: str
    job_id: int
    at_s: float
    component: str
    action: str
