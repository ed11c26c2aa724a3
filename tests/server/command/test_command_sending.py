from datetime import timedelta

import pytest

from device_agent.wire.commands import decode_command
from server.command import service
from server.command.events import CommandRequested
from server.command.handlers import CommandHandlers, RecordingSender
from server.device import service as devices
from server.device.events import DeviceCameOnline


@pytest.fixture
def sender() -> RecordingSender:
    return RecordingSender()


@pytest.fixture
def handlers(sender, clock) -> CommandHandlers:
    return CommandHandlers(sender, clock)


@pytest.fixture
def requested(database, technician, pump, clock) -> CommandRequested:
    """A request for `pump` that no handler has seen yet."""
    with database.transaction() as session:
        command = service.request(session, technician, pump, "restart", {}, now=clock.now())
        return CommandRequested(command_id=command.id, device_id=pump)


def run(database, handle, event) -> None:
    with database.transaction() as session:
        handle(session, event)


def ids(sender) -> list[str]:
    return [decode_command(payload).id for _device, payload in sender.sent]


def test_an_online_device_gets_it_at_once(database, handlers, sender, requested, comes_online, now):
    comes_online(now)
    run(database, handlers.send_requested, requested)
    assert [device for device, _ in sender.sent] == ["pump"]
    assert ids(sender) == [requested.command_id]
    run(database, handlers.send_requested, requested)
    assert len(sender.sent) == 1, "the event may come again, the send is for the sweep to repeat"


def test_an_offline_device_gets_it_when_it_comes_back(
    database, handlers, sender, requested, comes_online, now
):
    run(database, handlers.send_requested, requested)
    assert sender.sent == []
    comes_online(now)
    online = DeviceCameOnline(device_id="pump", boot="b1", at_s=now.timestamp())
    run(database, handlers.send_waiting, online)
    assert ids(sender) == [requested.command_id]
    # It dropped off before it answered: sent at once again, whatever the pause.
    run(database, handlers.send_waiting, online)
    assert len(sender.sent) == 2


def test_the_sweep_repeats_until_answered_or_expired(
    database, handlers, sender, clock, comes_online, requested, technician, now
):
    comes_online(now)
    for _ in range(200):
        with database.transaction() as session:
            handlers.sweep(session, now=clock.now())
        clock.advance(seconds=10)
    assert 5 < len(sender.sent) < 15
    with database.reading() as session:
        command = service.visible_command(session, technician, "pump", requested.command_id)
        assert command.status == "expired"
        assert command.finished_at >= now + timedelta(seconds=service.DEFAULT_EXPIRES_IN_S)


def test_a_broker_that_is_away_costs_nothing_but_time(
    database, handlers, sender, clock, comes_online, requested, now, caplog
):
    comes_online(now)
    caplog.set_level("INFO")
    sender.failure = OSError("connection refused")
    run(database, handlers.send_requested, requested)
    for _ in range(3):
        with database.transaction() as session:
            assert handlers.sweep(session, now=clock.now()) == 0
    sender.failure = None
    with database.transaction() as session:
        assert handlers.sweep(session, now=clock.now()) == 1
    assert caplog.text.count("can't be sent") == 1, "an outage speaks once"
    assert caplog.text.count("can be sent again") == 1, "and once when it is over"


def test_a_revoked_device_is_not_sent_to(database, handlers, sender, requested, comes_online, now):
    comes_online(now)
    with database.transaction() as session:
        devices.revoke_device(session, "pump", now=now)
    run(database, handlers.send_requested, requested)
    with database.transaction() as session:
        assert handlers.sweep(session, now=now) == 0
    assert sender.sent == []


def test_a_device_that_never_reports_its_state_is_tried(
    database, handlers, sender, technician, clock
):
    with database.transaction() as session:
        devices.add_device(session, device_id="plain", now=clock.now())
        command = service.request(session, technician, "plain", "blink", {}, now=clock.now())
        event = CommandRequested(command_id=command.id, device_id="plain")
        handlers.send_requested(session, event)
    assert ids(sender) == [event.command_id]
    clock.advance(seconds=10)
    with database.transaction() as session:
        assert handlers.sweep(session, now=clock.now()) == 1
