from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from device_agent.wire.commands import CommandResult, decode_command
from server.account import Role
from server.account import service as accounts
from server.command import repository, service
from server.command.states import OPEN, TRANSITIONS, CommandStatus
from server.device import service as devices
from server.kit.clock import from_unix
from server.kit.errors import BadInput, Conflict, Forbidden, NotFound
from server.kit.events import OutboxEvent


def request(session, viewer, now, *, name="restart", args=None, **options):
    return service.request(session, viewer, "pump", name, args or {}, now=now, **options)


def published(session) -> list[str]:
    session.flush()
    names = session.scalars(select(OutboxEvent.name).order_by(OutboxEvent.id))
    return [name for name in names if name.startswith("Command")]


@pytest.mark.usefixtures("pump")
def test_a_request_is_kept_and_says_what_the_device_reads(database, technician, now):
    with database.transaction() as session:
        command = request(session, technician, now, args={"speed": 2.5}, expires_in_s=60)
        assert published(session) == ["CommandRequested"]
    with database.reading() as session:
        kept = service.visible_command(session, technician, "pump", command.id)
        assert (kept.status, kept.attempts) == (CommandStatus.PENDING, 0)
        assert (kept.requested_by, kept.requested_role) == (technician.user_id, Role.TECHNICIAN)
        wire = decode_command(service.payload_of(kept))
        assert (wire.id, wire.name, wire.args) == (command.id, "restart", {"speed": 2.5})
        assert from_unix(wire.expires_s) == now + timedelta(seconds=60)


@pytest.mark.usefixtures("pump")
def test_an_owner_may_only_read_and_only_his_own(database, owner, person, now):
    stranger, _ = person(Role.OWNER, "stranger@example.com")
    with database.transaction() as session:
        assert request(session, owner, now, name="read_now")
        with pytest.raises(Forbidden):
            request(session, owner, now, name="restart")
        with pytest.raises(NotFound):
            request(session, stranger, now, name="read_now")
        with pytest.raises(NotFound):
            service.visible_commands(session, stranger, "pump", before=None, limit=5)


@pytest.mark.usefixtures("pump")
@pytest.mark.parametrize(
    ("field", "wish"),
    [
        ("name", {"name": "Restart!"}),
        ("name", {"name": ""}),
        ("name", {"name": "x" * 65}),
        ("args", {"args": {str(n): n for n in range(33)}}),
        ("args", {"args": {"text": "x" * 20_000}}),
        ("args", {"args": {"nested": [1]}}),
        ("args", {"args": {"nan": float("nan")}}),
        ("args", {"args": {"big": 10**40}}),
        ("args", {"args": {"half": "\ud800"}}),
        ("args", {"args": {"": 1}}),
        ("expires_in_s", {"expires_in_s": 0}),
        ("expires_in_s", {"expires_in_s": float("nan")}),
        ("expires_in_s", {"expires_in_s": 1e9}),
    ],
)
def test_refused_requests_name_their_field(database, technician, now, field, wish):
    with database.transaction() as session, pytest.raises(BadInput) as refused:
        request(session, technician, now, **wish)
    assert refused.value.field == field


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None))
)


@given(
    name=st.text(st.characters(codec=None), max_size=70) | st.just("restart"),
    args=st.dictionaries(
        st.text(st.characters(codec=None), max_size=10), SCALARS | st.lists(SCALARS, max_size=1)
    ),
    expires_in_s=st.floats() | st.just(60.0),
)
def test_any_request_gives_a_command_or_bad_input(scratch, name, args, expires_in_s):
    now = from_unix(1_700_000_000)
    with scratch.reading() as session:
        devices.add_device(session, device_id="pump", now=now)
        staff = accounts.add_user(
            session, email="s@example.com", name="S", role=Role.STAFF, password=None, now=now
        ).as_viewer()
        try:
            command = service.request(
                session, staff, "pump", name, args, expires_in_s=expires_in_s, now=now
            )
        except BadInput:
            return
        session.expire_all()
        assert decode_command(service.payload_of(command)).args == args


@pytest.mark.usefixtures("pump")
def test_a_device_is_not_buried_in_commands(database, technician, now):
    with database.transaction() as session:
        for _ in range(service.MAX_OPEN_PER_DEVICE):
            request(session, technician, now)
        with pytest.raises(Conflict):
            request(session, technician, now)


@pytest.mark.usefixtures("pump")
def test_a_revoked_device_takes_no_commands(database, technician, now):
    with database.transaction() as session:
        devices.revoke_device(session, "pump", now=now)
        with pytest.raises(Conflict):
            request(session, technician, now)


def due(session, now) -> list[str]:
    return [c.id for c in service.due_for_sending(session, now=now)]


def test_only_an_online_device_is_sent_to(database, technician, comes_online, now):
    with database.transaction() as session:
        command_id = request(session, technician, now).id
        assert due(session, now) == []
    comes_online(now)
    with database.reading() as session:
        assert due(session, now) == [command_id]


def test_unanswered_commands_are_due_again_with_growing_pauses(
    database, technician, comes_online, now
):
    comes_online(now)
    pauses_s = []
    with database.transaction() as session:
        command = request(session, technician, now, expires_in_s=86_400)
        at = now
        for _ in range(8):
            assert due(session, at) == [command.id]
            service.mark_sent(command, now=at)
            session.flush()
            assert due(session, at) == []
            pauses_s.append((command.next_send_at - at).total_seconds())
            at = command.next_send_at
    assert pauses_s == [10, 20, 40, 80, 160, 300, 300, 300]
    assert (command.attempts, command.sent_at) == (8, now)


@pytest.mark.usefixtures("pump")
@pytest.mark.parametrize("status", ["done", "failed", "refused", "expired"])
def test_an_answer_finishes_the_command_once(database, technician, now, status):
    later = now + timedelta(seconds=5)
    with database.transaction() as session:
        command = request(session, technician, now)
        service.mark_sent(command, now=now)
        answer = CommandResult(command.id, status, {"log": "ok\x1b\nfine", "n": 3})
        assert service.record_result(session, "pump", answer, now=later)
        assert service.record_result(session, "pump", answer, now=later + timedelta(seconds=9))
        assert (command.status, command.finished_at) == (status, later)
        assert command.output == {"log": "ok\nfine", "n": 3}
        assert published(session) == ["CommandRequested", "CommandFinished"]
        assert due(session, later + timedelta(seconds=60)) == []


@pytest.mark.usefixtures("pump")
def test_a_first_answer_stands_against_a_different_second(database, technician, now):
    with database.transaction() as session:
        command = request(session, technician, now)
        service.record_result(session, "pump", CommandResult(command.id, "done"), now=now)
        service.record_result(session, "pump", CommandResult(command.id, "failed"), now=now)
        assert command.status == "done"


@pytest.mark.usefixtures("pump")
def test_another_devices_command_and_an_unknown_one_are_ignored_and_reported(
    database, technician, now, caplog
):
    with database.transaction() as session:
        devices.add_device(session, device_id="other", now=now)
        command = request(session, technician, now)
        assert not service.record_result(
            session, "other", CommandResult(command.id, "done"), now=now
        )
        assert not service.record_result(session, "pump", CommandResult("nope", "done"), now=now)
        assert command.status == "pending"
    assert "other answered a command it was never given" in caplog.text


@pytest.mark.usefixtures("pump")
def test_overdue_commands_expire_and_a_late_answer_still_counts(database, technician, now):
    later = now + timedelta(seconds=61)
    with database.transaction() as session:
        command = request(session, technician, now, expires_in_s=60)
        assert service.expire_overdue(session, now=now) == 0
        assert service.expire_overdue(session, now=later) == 1
        assert service.expire_overdue(session, now=later) == 0
        assert command.status == "expired"
        assert service.waiting_for(session, "pump", now=later) == []
        service.record_result(session, "pump", CommandResult(command.id, "done"), now=later)
        assert command.status == "done"


@pytest.mark.usefixtures("pump")
def test_lists_are_in_the_order_of_requests(database, technician, now):
    with database.transaction() as session:
        ids = [
            request(session, technician, now + timedelta(seconds=n), name=f"c{n}").id
            for n in range(4)
        ]
    assert ids == sorted(ids)
    with database.reading() as session:

        def page(before):
            rows = service.visible_commands(session, technician, "pump", before=before, limit=3)
            return [row.id for row in rows]

        assert page(None) == [ids[3], ids[2], ids[1]]
        assert page(ids[1]) == [ids[0]]
        since = repository.between(
            session, "pump", since=now, until=now + timedelta(seconds=2), limit=9
        )
        assert [row.name for row in since] == ["c1", "c0"]


def test_the_table_of_states_is_complete():
    assert set(TRANSITIONS) == set(CommandStatus)
    assert all(TRANSITIONS[status] for status in OPEN)
    reached = {CommandStatus.PENDING}.union(*TRANSITIONS.values())
    assert reached == set(CommandStatus)
