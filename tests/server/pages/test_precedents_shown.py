"""The desk and the technician see what helped on the same model before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from field_service import JobState, Outcome
from server.detection.model import FindingRecord
from server.device import service as devices
from server.device.model import Device
from server.incident.model import Incident
from server.incident.states import IncidentState
from server.job.model import Job
from server.kit.clock import SystemClock
from tests.server.pages.site import Site, finding
from tests.server.pages.visitor import Visitor

Visit = Callable[..., Visitor]


@pytest.fixture
def _past(site: Site, known: SimpleNamespace) -> Iterator[None]:
    """A device that is long out of service, and the visit that helped it."""
    then = SystemClock().now() - timedelta(days=30)
    with site.database.transaction() as session:
        device, _ = devices.add_device(session, device_id="cold-store-0", model="cs-20", now=then)
        device.revoked_at = then
        record = finding(
            "cold-store-0", "level_shift", "compressor/current", onset=then, severity=0.7
        )
        session.add(record)
        session.flush()
        case = Incident(
            device_id="cold-store-0", component="compressor", kind="level_shift",
            state=IncidentState.CLOSED, severity=0.7, leading_finding_id=record.id,
            opened_at=then, onset_at=then, closed_at=then,
        )  # fmt: skip
        session.add(case)
        session.flush()
        session.add(
            Job(
                incident_id=case.id, ticket_id=known.owner_ticket, device_id="cold-store-0", site="",
                state=JobState.FINISHED, tasks=[], bring={}, created_at=then, finished_at=then,
                verdict=Outcome.CONFIRMED, component="Start relay", action="replaced",
            )
        )  # fmt: skip
        made = [case.id, record.id]
    yield
    with site.database.transaction() as session:
        for row in session.scalars(select(Job).where(Job.incident_id == made[0])):
            session.delete(row)
        session.flush()
        session.delete(session.get_one(Incident, made[0]))
        session.flush()
        session.delete(session.get_one(FindingRecord, made[1]))
        session.delete(session.get_one(Device, "cold-store-0"))


@pytest.mark.usefixtures("_past")
def test_it_stands_on_the_case_and_on_the_job(visit: Visit, known: SimpleNamespace) -> None:
    for person, path in (
        ("staff", f"/staff/tickets/{known.owner_ticket}"),
        ("technician", f"/jobs/{known.job}"),
    ):
        text = visit(person).get(path).text
        assert "What helped on this model before" in text
        assert "Start relay" in text
    assert "What helped" not in visit("staff").get(f"/staff/tickets/{known.foreign_ticket}").text
