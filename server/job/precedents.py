"""What fixed it last time: past verdicts on the same kind of finding, on devices of the same model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from field_service import Outcome
from server.detection.tuning import cohort_of
from server.device.model import Device
from server.incident.model import Incident
from server.job.model import Job

FAULT_FOUND = (Outcome.CONFIRMED, Outcome.DIFFERENT_FAULT)
LOOK_BACK = 500


@dataclass(frozen=True, slots=True)
class Precedent:
    """A part and what was done to it, as the technician put it last; how often; when last."""

    component: str
    action: str
    times: int
    last_at: datetime


def precedents(session: Session, incident: Incident, *, limit: int = 3) -> Sequence[Precedent]:
    """Same model, kind and part of the device; the most frequent first, then the newest."""
    device = session.get(Device, incident.device_id)
    cohort = cohort_of(device.model if device else "")
    rows = session.execute(
        select(Job.component, Job.action, Job.finished_at, Device.model)
        .join(Incident, Incident.id == Job.incident_id)
        .join(Device, Device.id == Job.device_id)
        .where(
            Job.verdict.in_(FAULT_FOUND),
            Incident.id != incident.id,
            Incident.kind == incident.kind,
            Incident.component == incident.component,
        )
        .order_by(Job.finished_at.desc(), Job.id.desc())
        .limit(LOOK_BACK)
    )
    found: dict[tuple[str, str], Precedent] = {}
    for component, action, finished_at, model in rows:
        if finished_at is None or cohort_of(model) != cohort:
            continue
        key = (component or "").casefold(), (action or "").casefold()
        known = found.get(key)
        if known is None:
            found[key] = Precedent(component or "", action or "", 1, finished_at)
        else:
            found[key] = Precedent(known.component, known.action, known.times + 1, known.last_at)
    ranked = sorted(found.values(), key=lambda one: (-one.times, -one.last_at.timestamp()))
    return ranked[:limit]
