"""A small company for the tests of cases: devices, people, findings, and the reactions between features.

Imported by the tests of incident, ticket, job, conversation and insight.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.account import service as accounts
from server.account.viewer import Role, Viewer
from server.command.handlers import CommandHandlers, RecordingSender
from server.detection.model import FindingRecord
from server.device import service as devices
from server.device.model import Device
from server.incident import service as incidents
from server.incident.model import Incident
from server.job.model import Job
from server.kit.clock import ManualClock
from server.kit.database import Database
from server.kit.dispatch import Dispatcher
from server.kit.events import OutboxEvent
from server.kit.settings import Settings
from server.reactions import reactions
from server.ticket import lifecycle as tickets
from server.ticket.model import Ticket


class Gate:
    """Notes who was shown out."""

    def __init__(self) -> None:
        self.shown_out: list[str] = []

    def disconnect(self, device_id: str) -> None:
        self.shown_out.append(device_id)


class CaseWorld:
    """Turn `clock`, `find` things, and read what became of them."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.settings = Settings()
        self._numbers = itertools.count(1)
        commands = CommandHandlers(RecordingSender(), clock)
        self.gate = Gate()
        self.dispatcher = Dispatcher(
            database, reactions(commands, self.gate, clock, self.settings), clock
        )

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def user(self, role: Role, name: str | None = None) -> tuple[Viewer, str]:
        """A person and an API token of his."""
        number = next(self._numbers)
        with self.database.transaction() as session:
            user = accounts.add_user(
                session,
                email=f"{role}{number}@example.com",
                name=name or f"{role.title()} {number}",
                role=role,
                password=None,
                now=self.now,
            )
            _, token = accounts.create_api_token(session, user.id, label="test", now=self.now)
            return user.as_viewer(), token

    def device(self, owner: Viewer | None = None, device_id: str | None = None) -> str:
        """Its id; it has been heard of."""
        with self.database.transaction() as session:
            added, _ = devices.add_device(
                session,
                device_id=device_id or f"device-{next(self._numbers)}",
                owner_id=owner.user_id if owner else None,
                site="Cellar 1",
                now=self.now,
            )
            added.last_seen_at = self.now
            return added.id

    def find(self, device_id: str, **fields: Any) -> str:
        """A finding of now (or as `fields` say), recorded and absorbed; its id."""
        with self.database.transaction() as session:
            record = put_finding(
                session, device_id, self.now, f"{device_id}-f{next(self._numbers)}", fields
            )
            incidents.absorb(session, [record], now=self.now, settings=self.settings)
            finding_id = record.id
        self.dispatcher.drain()
        return finding_id

    def update(self, finding_id: str, **fields: Any) -> None:
        """The engine gives a finding out again."""
        with self.database.transaction() as session:
            record = session.get_one(FindingRecord, finding_id)
            for name, value in fields.items():
                setattr(record, name, value)
            incidents.absorb(session, [record], now=self.now, settings=self.settings)
        self.dispatcher.drain()

    def end(self, finding_id: str) -> None:
        self.update(finding_id, ended_at=self.now)

    def wait(self, **duration: float) -> None:
        """Time passes, and what the clock starts is done."""
        self.clock.advance(seconds=timedelta(**duration).total_seconds())
        with self.database.transaction() as session:
            incidents.close_watched(session, now=self.now)
            tickets.announce_delays(session, now=self.now, settings=self.settings)
        self.dispatcher.drain()

    def incidents(self) -> list[Incident]:
        return self._all(Incident)

    def tickets(self) -> list[Ticket]:
        return self._all(Ticket)

    def jobs(self) -> list[Job]:
        return self._all(Job)

    def events(self) -> list[str]:
        """Names of all that was published, in order."""
        with self.database.reading() as session:
            return list(session.scalars(select(OutboxEvent.name).order_by(OutboxEvent.id)))

    def payloads(self, name: str) -> list[dict[str, Any]]:
        with self.database.reading() as session:
            query = select(OutboxEvent.payload).where(OutboxEvent.name == name)
            return list(session.scalars(query.order_by(OutboxEvent.id)))

    def device_of(self, device_id: str) -> Device:
        with self.database.reading() as session:
            return session.get_one(Device, device_id)

    def parked(self) -> list[str]:
        """Reactions that failed."""
        with self.database.reading() as session:
            return list(
                session.scalars(select(OutboxEvent.last_error).where(OutboxEvent.attempts > 0))
            )

    def _all(self, model: type[Any]) -> list[Any]:
        with self.database.reading() as session:
            return list(session.scalars(select(model).order_by(model.id)))


def put_finding(
    session: Session, device_id: str, now: datetime, finding_id: str, fields: dict[str, Any]
) -> FindingRecord:
    """A drift of the compressor's current, found now, unless `fields` say otherwise."""
    onset = fields.get("onset_at", now - timedelta(minutes=5))
    values: dict[str, Any] = {
        "kind": "drift",
        "metrics": ["compressor/current"],
        "onset_at": onset,
        "detected_at": max(onset, now) if "onset_at" not in fields else onset,
        "ended_at": None,
        "confidence": 0.9,
        "severity": 0.5,
        "evidence": {"expected_a": 8.0, "seen_a": 9.4},
        "sentence": "The compressor draws 18 % more current than when it was new.",
        "forecast": None,
        "recorded_at": now,
    }
    record = FindingRecord(id=finding_id, device_id=device_id, **(values | fields))
    session.add(record)
    session.flush()
    return record
