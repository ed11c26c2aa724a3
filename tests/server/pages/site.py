"""A small company: three devices of one owner, one of another; faults found, told, taken up."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from sqlalchemy.orm import Session

from server.account import service as accounts
from server.account.viewer import Role, Viewer
from server.app.web import WebParts, create_app
from server.command.handlers import CommandHandlers, RecordingSender
from server.conversation import service as conversation
from server.detection.model import FindingRecord, FleetModel, Outlook
from server.device import service as devices
from server.device.model import DeviceEventRecord
from server.firmware import service as firmware
from server.incident import service as incidents
from server.ingest.model import QuarantinedMessage
from server.job.model import Job
from server.kit.clock import SystemClock
from server.kit.database import Base, Database
from server.kit.dispatch import Dispatcher
from server.kit.settings import Settings
from server.migrations.models import import_all
from server.pages.live import Broadcast
from server.reactions import reactions
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey
from server.ticket import service as tickets
from server.ticket.model import Ticket

PASSWORD = "correct horse battery"
PEOPLE = {
    "owner": ("Olga Owner", Role.OWNER),
    "other": ("Otto Other", Role.OWNER),
    "empty": ("Emma Empty", Role.OWNER),
    "technician": ("Tomasz Wrona", Role.TECHNICIAN),
    "staff": ("Anna Nowak", Role.STAFF),
    "admin": ("Ada Admin", Role.ADMIN),
}
STEP_S = 600


class NoGate:
    """Nobody is connected here."""

    def disconnect(self, device_id: str) -> None:
        pass


@dataclass
class Site:
    database: Database
    telemetry: MemoryTelemetryStore
    settings: Settings
    known: SimpleNamespace
    url: str = ""
    live: Broadcast | None = None
    sessions: dict[str, str] = field(default_factory=dict)
    after: Callable[[], Any] = field(default=lambda: None)

    def session_of(self, person: str) -> str:
        """The token of a session that is open already: a password costs a third of a second."""
        if person not in self.sessions:
            with self.database.transaction() as session:
                self.sessions[person] = accounts.open_session(
                    session,
                    self.known.users[person].user_id,
                    user_agent="tests",
                    now=SystemClock().now(),
                )
        return self.sessions[person]


def build_site(folder: Path) -> Site:
    """All on record, not yet serving."""
    import_all()
    settings = Settings(data_dir=folder, development=True, sla_hours=24)
    database = Database.at(folder / "records.sqlite3")
    Base.metadata.create_all(database.engine)
    site = Site(database, MemoryTelemetryStore(), settings, SimpleNamespace())
    clock = SystemClock()
    now = clock.now()
    dispatcher = Dispatcher(
        database,
        reactions(CommandHandlers(RecordingSender(), clock), NoGate(), clock, settings),
        clock,
    )
    dispatcher.on_handled = lambda event: site.live.tell(event) if site.live else None
    site.after = dispatcher.drain
    with database.transaction() as session:
        _people(session, site, now)
        _devices(session, site, now)
    dispatcher.drain()
    with database.transaction() as session:
        found = _findings(now)
        session.add_all(found)
        session.add_all(_fleet_models(now))
        session.flush()
        incidents.absorb(session, found, now=now, settings=settings)
    dispatcher.drain()
    with database.transaction() as session:
        _talk(session, site, now)
    dispatcher.drain()
    with database.reading() as session:
        _note_ids(session, site)
    _telemetry(site.telemetry, now)
    return site


def _people(session: Session, site: Site, now: datetime) -> None:
    site.known.users = {
        person: accounts.add_user(
            session,
            email=f"{person}@example.com",
            name=name,
            role=role,
            password=PASSWORD,
            now=now - timedelta(days=60),
        ).as_viewer()
        for person, (name, role) in PEOPLE.items()
    }


def _devices(session: Session, site: Site, now: datetime) -> None:
    users: dict[str, Viewer] = site.known.users
    for device_id, name, owner, model, place in (
        ("heat-pump-1", "Heat pump, Lipowa 4", "owner", "HP-9", "Lipowa 4, Kraków"),
        ("cold-store-2", "Cold store 2", "owner", "CS-20", "Rynek 12, Kraków"),
        ("water-pump-3", "Water pump", "owner", "WP-3", "Lipowa 4, Kraków"),
        ("foreign-9", "Somebody's heat pump", "other", "HP-9", "Elsewhere 1"),
    ):
        device, _secret = devices.add_device(
            session,
            device_id=device_id,
            name=name,
            owner_id=users[owner].user_id,
            model=model,
            site=place,
            now=now - timedelta(days=40),
        )
        device.online = device_id != "water-pump-3"
        device.online_changed_at = now - timedelta(hours=3)
        device.commissioned_at = now - timedelta(days=40)
        device.firmware, device.agent_version = "1.4.2", "0.1.0"
        quiet = timedelta(hours=3) if device_id == "water-pump-3" else timedelta(seconds=20)
        device.last_seen_at = now - quiet
        if device_id == "cold-store-2":
            device.sensors = [
                {"name": "mcu/supply", "unit": "V", "kind": "gauge", "limits": [4.5, 5.5]},
                {"name": "mcu/vibration", "unit": "m/s2", "kind": "gauge", "limits": [None, 12.0]},
            ]
    firmware.add_image(session, b"image", name="board.hex", version="2.0", now=now)
    for kind, hours, detail in (
        ("reboot", 20, {"reason": "power"}),
        ("firmware_changed", 30, {"before": "1.4.1", "after": "1.4.2"}),
        ("firmware_update_done", 10, {"name": "mcu", "before": "1.0", "after": "2.0"}),
        ("firmware_update_reverted", 9, {"name": "mcu", "reason": "nothing was heard of it"}),
    ):
        session.add(
            DeviceEventRecord(
                device_id="cold-store-2",
                kind=kind,
                at=now - timedelta(hours=hours),
                detail=detail,
                received_at=now - timedelta(hours=hours),
                fingerprint=kind,
            )
        )
    session.add(
        QuarantinedMessage(
            device_id="heat-pump-1",
            topic="devices/heat-pump-1/telemetry",
            field="v",
            reason="not a finite number",
            payload=b'[{"n":"compressor/current","v":NaN}]',
            payload_bytes=36,
            position=7,
            received_at=now - timedelta(hours=2),
        )
    )


def finding(
    device: str,
    kind: str,
    metric: str,
    *,
    onset: datetime,
    severity: float,
    **evidence: float | str,
) -> FindingRecord:
    return FindingRecord(
        id=f"{device}-{kind}-{metric}",
        device_id=device,
        kind=kind,
        metrics=[metric] if metric else [],
        onset_at=onset,
        detected_at=onset + timedelta(minutes=30),
        ended_at=None,
        confidence=0.93,
        severity=severity,
        evidence=dict(evidence),
        sentence="In English, for the API.",
        forecast=None,
        recorded_at=onset + timedelta(minutes=30),
    )


def _findings(now: datetime) -> list[FindingRecord]:
    leading = _shift(now)
    leading.forecast = {
        "sentence": "In English, for the API.",
        "limit": 16.0,
        "limit_reached_s": (now + timedelta(days=7)).timestamp(),
        "limit_reached_earliest_s": (now + timedelta(days=4)).timestamp(),
        "limit_reached_latest_s": (now + timedelta(days=11)).timestamp(),
    }
    return [
        leading,
        finding(
            "foreign-9",
            "stuck",
            "outdoor/temperature",
            onset=now - timedelta(hours=5),
            severity=0.4,
            unit="Cel",
            value=7.3,
            longest_standstill_before_s=1800.0,
        ),
    ]


def _shift(now: datetime) -> FindingRecord:
    return finding(
        "cold-store-2",
        "level_shift",
        "compressor/current",
        onset=now - timedelta(hours=9),
        severity=0.75,
        unit="A",
        now=14.2,
        usual=11.6,
        band_low=10.9,
        band_high=12.4,
        times_its_band=3.4,
        compared_to="its own level during commissioning",
    )


def _fleet_models(now: datetime) -> list[FleetModel | Outlook]:
    """Two versions of time left and one of failure soon; what they say of one device."""
    versions = (("life", 1, 5.2, None, False), ("life", 2, 3.1, 4.4, True),
                ("failure", 1, 0.041, None, True))  # fmt: skip
    return [
        *(
            FleetModel(
                cohort="cold store x2", kind=kind, version=version, content=b"", step_s=3600.0,
                horizon_days=7.0, failures=9 + version, held_out=2, trained_until=now,
                error=error, current_error=rival, mean_error=9.8 if kind == "life" else 0.17,
                in_use=used, used_by="", made_at=now - timedelta(days=30 - 10 * version),
            )
            for kind, version, error, rival, used in versions
        ),
        Outlook(
            device_id="cold-store-2", at=now, remaining_days=12.0, low_days=6.5, high_days=20.0,
            probability=0.18, horizon_days=7.0, looks=-3,
        ),
    ]  # fmt: skip


def _talk(session: Session, site: Site, now: datetime) -> None:
    users: dict[str, Viewer] = site.known.users
    asked = tickets.ask(
        session,
        users["owner"],
        device_id="heat-pump-1",
        subject="It hums at night",
        description="Since last week, around two in the morning.",
        now=now - timedelta(hours=22),
        settings=site.settings,
    )
    site.known.asked_ticket = asked.id
    [mine, *_] = tickets.tickets(session, users["owner"], device_id="cold-store-2")
    conversation.post(
        session, users["staff"], mine.id, "We have seen it and planned a visit.", now=now
    )
    conversation.post(
        session, users["staff"], mine.id, "Ask for the key.", visible_to_owner=False, now=now
    )
    conversation.post(session, users["owner"], mine.id, "Thank you, I am at home.", now=now)


def _note_ids(session: Session, site: Site) -> None:
    by_device = {t.device_id: t.id for t in session.query(Ticket) if t.incident_id}
    site.known.owner_ticket = by_device["cold-store-2"]
    site.known.foreign_ticket = by_device["foreign-9"]
    site.known.job = next(j.id for j in session.query(Job) if j.device_id == "cold-store-2")


def _telemetry(store: MemoryTelemetryStore, now: datetime) -> None:
    times_s = now.timestamp() - np.arange(8 * 86_400 // STEP_S, dtype=float)[::-1] * STEP_S
    day = np.sin(times_s / 86_400 * 2 * math.pi)
    noise = np.random.default_rng(7).normal(size=len(times_s))
    late = times_s > now.timestamp() - 9 * 3600
    curves = {
        ("cold-store-2", "compressor/current", "A"): 11.6 + day + 0.2 * noise + 2.6 * late,
        ("cold-store-2", "room/temperature", "Cel"): -18 + 0.4 * day + 0.1 * noise,
        ("cold-store-2", "suction/pressure", "Pa"): 210_000 + 4000 * day + 900 * noise,
        ("heat-pump-1", "supply/temperature", "Cel"): 38 + 3 * day + 0.3 * noise,
        ("heat-pump-1", "water/flow", "l/s"): 0.32 + 0.01 * noise,
    }
    for position, ((device, metric, unit), values) in enumerate(curves.items(), start=1):
        series = store.series_id(SeriesKey(device, metric), unit)
        batch = SampleBatch(np.full(len(times_s), series, np.int32), times_s, values)
        store.append(batch, stream="test", position=position)


class serving:  # noqa: N801 - reads as a verb
    """Runs the site in a thread for as long as the block lasts."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._ready = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Site:
        self._thread.start()
        assert self._ready.wait(30)
        self._site.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        return self._site

    def __exit__(self, *_: object) -> None:
        assert self._site.live is not None
        assert self._server is not None
        self._site.live.close()
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()
        self._site.database.close()

    async def _serve(self) -> None:
        self._site.live = Broadcast(asyncio.get_running_loop())
        app = make_app(self._site, self._site.live)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells no event
            await asyncio.sleep(0.02)
        self._ready.set()
        await serving


def make_app(site: Site, live: Broadcast) -> FastAPI:
    return create_app(
        WebParts(
            records=site.database,
            telemetry=site.telemetry,
            clock=SystemClock(),
            settings=site.settings,
            after_commit=site.after,
            live=live,
            is_ready=lambda: True,
        )
    )
