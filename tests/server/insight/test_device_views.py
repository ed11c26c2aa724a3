from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from device_agent.wire.events import DeviceEvent
from server.account.viewer import Role
from server.command.model import Command
from server.device import service as devices
from server.insight.endpoints import router
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey
from tests.server.incident.case_world import CaseWorld


@pytest.fixture
def telemetry() -> MemoryTelemetryStore:
    return MemoryTelemetryStore()


@pytest.fixture
def client_of(
    world: CaseWorld, web_client: Callable[..., Any], telemetry: MemoryTelemetryStore
) -> Callable[..., Any]:
    """A client of a new person of a role; `.viewer` is the person."""

    def build(role: Role) -> Any:
        viewer, token = world.user(role)
        client = web_client(router)
        client.app.state.telemetry = telemetry
        client.use_token(token)
        client.viewer = viewer
        return client

    return build


def measure(telemetry: MemoryTelemetryStore, device: str, start_s: float, values: list[float]):
    series = telemetry.series_id(SeriesKey(device, "compressor/current"), "A")
    batch = SampleBatch(
        np.full(len(values), series, dtype=np.int32),
        start_s + 60.0 * np.arange(len(values)),
        np.array(values, dtype=np.float64),
    )
    telemetry.append(batch, stream="test", position=1)


def test_a_healthy_device_is_ok(world: CaseWorld, client_of, telemetry):
    owner = client_of(Role.OWNER)
    device = world.device(owner.viewer)
    measure(telemetry, device, world.now.timestamp() - 60, [8.0, 8.5])
    (row,) = owner.get("/devices").json()["items"]
    assert (row["id"], row["health"], row["status"]) == (device, 1.0, "ok")
    assert (row["incident"], row["ticket"], row["site"]) == (None, None, "Cellar 1")
    detail = owner.get(f"/devices/{device}").json()
    assert detail["latest"] == [
        {
            "metric": "compressor/current",
            "unit": "A",
            "time": "2026-03-01T12:00:00Z",
            "value": 8.5,
            "limits": None,
        }
    ]


@pytest.mark.parametrize(
    ("finding", "status", "health"),
    [
        ({"severity": 0.2, "confidence": 1.0}, "watch", 0.8),
        ({"severity": 0.9, "confidence": 1.0}, "act", 0.1),
        ({"severity": 0.2, "confidence": 0.4}, "ok", 0.92),
        ({"severity": 0.3, "confidence": 1.0, "kind": "silence", "metrics": []}, "silent", 0.7),
        ({"severity": 0.3, "confidence": 1.0, "kind": "silence"}, "watch", 0.7),
    ],
)
def test_one_word_and_one_number(
    world: CaseWorld, client_of, finding: dict[str, Any], status: str, health: float
):
    staff = client_of(Role.STAFF)
    device = world.device()
    world.find(device, **finding)
    detail = staff.get(f"/devices/{device}").json()
    assert (detail["status"], detail["health"]) == (status, pytest.approx(health))
    assert len(detail["findings"]) == 1
    assert (detail["incident"] is None) == (detail["ticket"] is None) == (status == "ok")


def test_a_recovered_device_is_watched_until_its_case_closes(world: CaseWorld, client_of):
    staff, device = client_of(Role.STAFF), world.device()
    world.end(world.find(device))
    assert staff.get(f"/devices/{device}").json()["status"] == "watch"
    world.wait(minutes=15)
    assert staff.get(f"/devices/{device}").json()["status"] == "ok"


def test_a_device_never_heard_of_is_silent(world: CaseWorld, client_of):
    with world.database.transaction() as session:
        devices.add_device(session, device_id="new", now=world.now)
    (row,) = client_of(Role.STAFF).get("/devices").json()["items"]
    assert (row["status"], row["last_seen_at"]) == ("silent", None)


def test_an_owner_sees_only_his_own_devices(world: CaseWorld, client_of):
    owner, other = client_of(Role.OWNER), client_of(Role.OWNER)
    device = world.device(other.viewer)
    assert owner.get("/devices").json()["items"] == []
    for path in ("", "/telemetry?metric=x", "/timeline"):
        assert owner.get(f"/devices/{device}{path}").status_code == 404


def test_devices_are_paged_and_searched(world: CaseWorld, client_of):
    staff = client_of(Role.STAFF)
    for name in ("a", "b", "c"):
        world.device(device_id=name)
    first = staff.get("/devices", params={"limit": 2}).json()
    rest = staff.get("/devices", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["id"] for row in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None
    assert [row["id"] for row in staff.get("/devices?text=b").json()["items"]] == ["b"]


def test_telemetry_comes_in_buckets(world: CaseWorld, client_of, telemetry):
    staff, device = client_of(Role.STAFF), world.device()
    start_s = world.now.timestamp() - 600
    measure(telemetry, device, start_s, [1.0, 2.0, 3.0, 4.0])
    query = {
        "metric": "compressor/current",
        "from": start_s,
        "to": world.now.isoformat(),
        "points": 5,
    }
    found = staff.get(f"/devices/{device}/telemetry", params=query).json()
    assert (found["unit"], found["from_s"], found["to_s"]) == ("A", start_s, start_s + 600)
    assert (found["min"], found["mean"], found["max"]) == ([1.0, 3.0], [1.5, 3.5], [2.0, 4.0])
    assert found["count"] == [2, 2]
    assert found["times_s"] == [start_s, start_s + 120]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({}, 422, None),
        ({"metric": "compressor/current", "points": 0}, 422, None),
        ({"metric": "compressor/current", "points": 5001}, 422, None),
        ({"metric": "compressor/current", "from": "yesterday"}, 422, "from"),
        ({"metric": "compressor/current", "to": "nan"}, 422, "to"),
        ({"metric": "compressor/current", "to": "1e300"}, 422, "to"),
        ({"metric": "compressor/current", "from": "0001-01-01T00:00:00+14:00"}, 422, "from"),
        ({"metric": "compressor/current", "from": "2030-01-01"}, 422, "from"),
        ({"metric": "no/such"}, 404, None),
    ],
)
def test_bad_questions_about_telemetry(
    world: CaseWorld, client_of, telemetry, query: dict[str, Any], status: int, field: str | None
):
    device = world.device()
    measure(telemetry, device, world.now.timestamp(), [1.0])
    answer = client_of(Role.STAFF).get(f"/devices/{device}/telemetry", params=query)
    assert answer.status_code == status
    if field:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["field"] == field


def test_the_timeline_is_one_list_in_order_of_time(world: CaseWorld, client_of):
    world.user(Role.TECHNICIAN)
    owner = client_of(Role.OWNER)
    device = world.device(owner.viewer)
    with world.database.transaction() as session:
        for kind, hours in (("reboot", 3), ("firmware_changed", 2), ("link_fault", 1)):
            at_s = (world.now - timedelta(hours=hours)).timestamp()
            devices.record_event(
                session, device, DeviceEvent(kind, at_s, {"why": "power"}), now=world.now
            )
        session.add(
            Command(
                id="00000000-0000-0000-0000-000000000001",
                device_id=device,
                name="read_now",
                args={},
                created_at=world.now - timedelta(minutes=30),
                expires_at=world.now,
                next_send_at=world.now,
            )
        )
    finding = world.find(device)
    world.clock.advance(seconds=60)
    world.end(finding)
    world.clock.advance(seconds=60)
    answer = owner.get(f"/devices/{device}/timeline").json()
    items = answer["items"]
    assert [i["kind"] for i in items] == [
        "reboot",
        "firmware",
        "event",
        "command",
        "finding",
        "incident",
        "ticket",
    ]
    assert [i["at"] for i in items] == sorted(i["at"] for i in items)
    found = items[4]
    assert (found["code"], found["ref"]) == ("drift", f"finding:{finding}")
    assert found["title"] == "Drift compressor/current"
    assert found["until"] == "2026-03-01T12:01:00Z"
    assert items[0]["detail"] == "why: power"
    ahead = (world.now + timedelta(days=2)).timestamp()
    wider = owner.get(f"/devices/{device}/timeline", params={"to": ahead}).json()["items"]
    assert (wider[-1]["kind"], wider[-1]["code"]) == ("visit", "assigned")


def test_the_timeline_keeps_to_its_range(world: CaseWorld, client_of):
    staff, device = client_of(Role.STAFF), world.device()
    world.end(world.find(device, metrics=["cpu/load"]))
    world.wait(minutes=15)
    world.wait(days=3)
    since = {"from": (world.now - timedelta(days=1)).isoformat()}
    path = f"/devices/{device}/timeline"
    assert staff.get(path, params=since).json()["items"] == []
    assert len(staff.get(path).json()["items"]) == 3
    assert staff.get(path, params={"from": "5", "to": "4"}).status_code == 422
