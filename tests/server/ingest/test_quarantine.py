import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.account import Role
from server.ingest import quarantine
from server.ingest.arrivals import Refusal
from server.ingest.endpoints import router
from server.ingest.model import PAYLOAD_KEPT_BYTES
from server.ingest.refusal_budget import KEPT_A_MINUTE, RefusalBudget
from server.ingest.shares import Excess
from server.ingest.source import Message
from server.kit.clock import from_unix
from server.kit.database import Database

NOW_S = 1_700_000_000.25


def refusal(
    n: int = 1, *, device_id: str | None = "pump", payload: bytes = b"x", **given_
) -> Refusal:
    topic = given_.get("topic", f"devices/{device_id}/telemetry")
    message = Message(n, topic, payload, NOW_S + n)
    return Refusal(message, device_id, given_.get("field", "v"), given_.get("reason", f"bad {n}"))


def kept(database: Database, **wanted):
    with database.reading() as session:
        return quarantine.newest_first(session, limit=100, **wanted)


def test_refusals_are_kept_newest_first_and_counted(database):
    with database.transaction() as session:
        quarantine.keep(session, [refusal(1), refusal(2, device_id=None), refusal(3)])
    assert [row.reason for row in kept(database)] == ["bad 3", "bad 2", "bad 1"]
    assert [row.reason for row in kept(database, device_id="pump")] == ["bad 3", "bad 1"]
    assert kept(database)[0].received_at == from_unix(NOW_S + 3)
    with database.reading() as session:
        assert quarantine.count(session) == 3
        assert quarantine.count(session, since=from_unix(NOW_S + 2)) == 2


def test_a_huge_payload_keeps_its_beginning_and_its_size(database):
    with database.transaction() as session:
        quarantine.keep(session, [refusal(payload=b"ab" * 5_000_000)])
    (row,) = kept(database)
    assert (len(row.payload), row.payload_bytes) == (PAYLOAD_KEPT_BYTES, 10_000_000)


@given(
    topic=st.text(st.characters(codec=None), max_size=400),
    field=st.text(st.characters(codec=None)),
    reason=st.text(st.characters(codec=None), max_size=600),
    payload=st.binary(),
)
def test_anything_can_be_kept(scratch, topic, field, reason, payload):
    with scratch.reading() as session:
        odd = refusal(topic=topic, field=field, reason=reason, payload=payload, device_id=None)
        quarantine.keep(session, [odd])
        session.flush()
        (row,) = quarantine.newest_first(session, limit=2)
        assert len(row.topic) <= 300
        assert len(row.reason) <= 500
        assert row.payload == payload


def test_the_old_and_the_too_many_are_forgotten(database, monkeypatch):
    monkeypatch.setattr(quarantine, "MESSAGES_KEPT", 3)
    with database.transaction() as session:
        quarantine.keep(session, [refusal(n) for n in range(1, 7)])
    with database.transaction() as session:
        quarantine.prune(session, received_before=from_unix(NOW_S + 5) + timedelta(seconds=0.5))
    assert [row.reason for row in kept(database)] == ["bad 6"]
    with database.transaction() as session:
        quarantine.keep(session, [refusal(n) for n in range(7, 12)])
    with database.transaction() as session:
        quarantine.prune(session, received_before=from_unix(0))
    assert [row.reason for row in kept(database)] == ["bad 11", "bad 10", "bad 9"]


@pytest.fixture
def client(web_client):
    return web_client(router)


def test_staff_read_it_page_by_page(client, person, database):
    with database.transaction() as session:
        quarantine.keep(session, [refusal(n, payload=b"\x00\xff") for n in range(1, 4)])
    client.use_token(person(Role.STAFF)[1])
    first = client.get("/quarantine", params={"limit": 2}).json()
    assert [item["reason"] for item in first["items"]] == ["bad 3", "bad 2"]
    assert base64.b64decode(first["items"][0]["payload_base64"]) == b"\x00\xff"
    rest = client.get("/quarantine", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["reason"] for item in rest["items"]] == ["bad 1"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("role", "status"), [(Role.OWNER, 403), (Role.TECHNICIAN, 403), (None, 401)]
)
def test_it_is_for_the_desk_only(client, person, role, status):
    if role is not None:
        client.use_token(person(role)[1])
    assert client.get("/quarantine").status_code == status


def test_a_device_gone_mad_is_kept_in_part_and_counted_in_whole(database):
    """So many of each device and minute with their payloads, of the others the number."""
    budget = RefusalBudget()
    flood = [
        replace(refusal(n), message=replace(refusal(n).message, received_s=60_000.0 + n / 1000))
        for n in range(1, 5_001)
    ]
    other = replace(flood[0], device_id="calm")
    with database.transaction() as session:
        for start in range(0, len(flood), 500):
            quarantine.keep(session, *budget.split(flood[start : start + 500]))
        quarantine.keep(session, *budget.split([other]))
    with database.reading() as session:
        assert quarantine.count(session) == len(flood) + 1
        rows = quarantine.newest_first(session, limit=10_000)
    whole = [row for row in rows if row.payload]
    assert len(whole) == KEPT_A_MINUTE + 1
    assert len(rows) == KEPT_A_MINUTE + 1 + 1, "the surplus of a minute is one row"
    assert whole[0].device_id == "calm"
    assert "counted only" in rows[1].reason


def test_the_next_minute_is_kept_again():
    budget = RefusalBudget()

    def kept_of(at_s: float) -> int:
        one = refusal(1)
        many = [replace(one, message=replace(one.message, received_s=at_s))] * 100
        return len(budget.split(many)[0])

    assert [kept_of(s) for s in (600.0, 601.0, 660.0, 659.0)] == [
        KEPT_A_MINUTE,
        0,
        KEPT_A_MINUTE,
        0,
    ]


def test_a_notice_is_shown_and_counts_nothing(database, now):
    with database.transaction() as session:
        quarantine.notice(session, Excess("pump", 9_000.0, 100.0, 60.0), position=7, at=now)
        assert quarantine.count(session) == 0
    (row,) = kept(database)
    assert (row.device_id, row.field, row.messages) == ("pump", "rate", 0)
    assert "9,000 samples a second, its share is 100" in row.reason


def test_payloads_have_a_limit_together(database, now, monkeypatch):
    monkeypatch.setattr(quarantine, "KEPT_BYTES", 2_500)
    with database.transaction() as session:
        quarantine.keep(session, [refusal(n, payload=b"x" * 1000) for n in range(1, 6)])
        quarantine.prune(session, received_before=from_unix(0))
    assert [row.reason for row in kept(database)] == ["bad 5", "bad 4"]


def test_a_clock_set_back_begins_a_minute_anew():
    budget = RefusalBudget()
    one = refusal(1)

    def kept_at(received_s: float) -> int:
        many = [replace(one, message=replace(one.message, received_s=received_s))] * 100
        return len(budget.split(many)[0])

    assert kept_at(60_000.0) == KEPT_A_MINUTE
    assert kept_at(59_999.0) == 0, "the same minute, of another connection"
    assert kept_at(56_400.0) == KEPT_A_MINUTE
