import unicodedata
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from server.account import Role
from server.broker.auth_callout import Grant
from server.device import repository, service
from server.device.credentials import DeviceAuthenticator, check_credentials
from server.kit.database import Database
from server.kit.errors import BadInput, Conflict, NotFound
from server.kit.events import OutboxEvent


def published(session) -> list[str]:
    session.flush()
    return list(session.scalars(select(OutboxEvent.name).order_by(OutboxEvent.id)))


def test_a_device_is_added_with_a_secret_that_is_kept_only_as_a_hash(
    database: Database, now: datetime
):
    with database.transaction() as session:
        device, secret = service.add_device(
            session, device_id="hp-1", name="Heat pump\n", model="HP3", site="Cellar", now=now
        )
        assert (device.name, device.model, device.site) == ("Heat pump", "HP3", "Cellar")
        assert len(secret) >= 43
        assert secret not in repr(vars(device))
        assert check_credentials(session, "hp-1", secret)
        assert published(session) == ["DeviceAdded"]
    with database.reading() as session:
        kept = service.device(session, "hp-1")
        assert (kept.online, kept.last_seen_at, kept.sensors) == (False, None, [])


def test_the_same_id_twice_is_a_conflict(database: Database, pump, now: datetime):
    with database.transaction() as session, pytest.raises(Conflict):
        service.add_device(session, device_id="pump", now=now)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("device_id", {"device_id": ""}),
        ("device_id", {"device_id": "a/b"}),
        ("device_id", {"device_id": "+"}),
        ("device_id", {"device_id": "x" * 65}),
        ("name", {"device_id": "a", "name": "\x00"}),
        ("name", {"device_id": "a", "name": "n" * 101}),
        ("model", {"device_id": "a", "model": "n" * 129}),
        ("site", {"device_id": "a", "site": "n" * 101}),
    ],
)
def test_refused_values_name_their_field(database: Database, now: datetime, field, values):
    with database.transaction() as session, pytest.raises(BadInput) as refused:
        service.add_device(session, now=now, **values)
    assert refused.value.field == field


@given(text=st.text(st.characters(codec=None), max_size=80))
def test_any_text_is_a_name_or_refused(text: str):
    try:
        name = service._text("name", text, 20, required=True)
    except BadInput:
        return
    assert 0 < len(name) <= 20
    assert not any(unicodedata.category(c).startswith("C") for c in name)


@given(
    device_id=st.text(st.characters(codec=None)) | st.just("nobody"),
    password=st.text(st.characters(codec=None)),
)
def test_any_credentials_are_checked_without_an_error(scratch, device_id, password):
    with scratch.reading() as session:
        assert not check_credentials(session, device_id, password)


def test_an_owner_must_exist(database: Database, now: datetime):
    with database.transaction() as session, pytest.raises(NotFound):
        service.add_device(session, device_id="a", owner_id=99, now=now)


def test_the_gate_lets_in_the_right_secret_only(database: Database, pump: str, now: datetime):
    with database.transaction() as session:
        service.add_device(session, device_id="other", now=now)
    gate = DeviceAuthenticator(database)
    assert gate.check("pump", pump, "pump") == Grant("pump")
    assert gate.check("pump", pump, "") == Grant("pump")
    assert gate.check("pump", pump, "mosq-\x00random") == Grant("pump")
    assert gate.check("pump", pump, "other") is None, "would take the other device's session"
    assert gate.check("other", pump, "other") is None
    assert gate.check("nobody", pump, "nobody") is None
    assert gate.check("pump", pump + " ", "pump") is None
    assert gate.check("pump", "", "pump") is None


def test_revoking_ends_the_credentials_and_says_so_once(
    database: Database, pump: str, now: datetime
):
    with database.transaction() as session:
        service.revoke_device(session, "pump", now=now)
        service.revoke_device(session, "pump", now=now + timedelta(days=1))
        assert service.device(session, "pump").revoked_at == now
        assert published(session) == ["DeviceAdded", "DeviceRevoked"]
        assert service.active_ids(session) == frozenset()
        with pytest.raises(Conflict):
            service.rotate_secret(session, "pump", now=now)
    assert DeviceAuthenticator(database).check("pump", pump, "pump") is None


def test_a_new_secret_replaces_the_old_one(database: Database, pump: str, now: datetime):
    with database.transaction() as session:
        secret = service.rotate_secret(session, "pump", now=now)
        assert check_credentials(session, "pump", secret)
        assert not check_credentials(session, "pump", pump)
        assert published(session) == ["DeviceAdded", "DeviceSecretRotated"]


def test_an_owner_sees_his_own_devices_and_employees_all(database: Database, person, now: datetime):
    ann, _ = person(Role.OWNER, "ann@example.com")
    bob, _ = person(Role.OWNER, "bob@example.com")
    employees = [person(role)[0] for role in (Role.TECHNICIAN, Role.STAFF, Role.ADMIN)]
    with database.transaction() as session:
        for device_id, owner_id in (("a", ann.user_id), ("b", bob.user_id), ("c", None)):
            service.add_device(session, device_id=device_id, owner_id=owner_id, now=now)
    with database.reading() as session:

        def seen(viewer, **wanted):
            return [d.id for d in service.visible_devices(session, viewer, **wanted)]

        assert seen(ann) == ["a"]
        assert seen(ann, text="b") == []
        for viewer in employees:
            assert seen(viewer) == ["a", "b", "c"]
        assert seen(employees[0], limit=2) == ["a", "b"]
        assert seen(employees[0], after="b") == ["c"]
        assert service.visible_device(session, ann, "a").id == "a"
        for out_of_reach in ("b", "c", "missing", "\x00", "x" * 1000):
            with pytest.raises(NotFound):
                service.visible_device(session, ann, out_of_reach)
        assert repository.count(session, owner_id=ann.user_id) == 1


@pytest.mark.parametrize(("text", "found"), [("HEAT", ["hp"]), ("%", []), ("_", []), ("", ["hp"])])
def test_search_takes_text_literally(database: Database, person, now: datetime, text, found):
    staff, _ = person(Role.STAFF)
    with database.transaction() as session:
        service.add_device(session, device_id="hp", name="Heat pump", now=now)
        assert [d.id for d in service.visible_devices(session, staff, text=text)] == found


def test_a_device_changes_hands_and_name(database: Database, person, pump, now: datetime):
    ann, _ = person(Role.OWNER)
    with database.transaction() as session:
        service.set_owner(session, "pump", ann.user_id)
        service.rename(session, "pump", name="Well pump")
        assert service.visible_device(session, ann, "pump").name == "Well pump"
        service.set_owner(session, "pump", None)
        with pytest.raises(NotFound):
            service.visible_device(session, ann, "pump")
        with pytest.raises(NotFound):
            service.set_owner(session, "pump", 99)
        with pytest.raises(NotFound):
            service.rename(session, "missing", name="x")
