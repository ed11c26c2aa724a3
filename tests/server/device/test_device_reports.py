from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from device_agent.wire.events import DeviceEvent
from device_agent.wire.state import DeviceState, SensorInfo
from server.device import service
from server.kit.clock import from_unix
from server.kit.database import Database
from server.kit.errors import NotFound
from server.kit.events import OutboxEvent

pytestmark = pytest.mark.usefixtures("pump")


def birth(time_s: float = 1000.0, boot: str = "b1", firmware: str = "1.0", **given_) -> DeviceState:
    return DeviceState("online", "birth", time_s, boot, "HP3", firmware, "0.1", **given_)


def will(time_s: float = 1000.0, boot: str = "b1") -> DeviceState:
    return DeviceState("offline", "will", time_s, boot)


class Reporting:
    """The device `pump`, its messages arriving a second apart."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database = database
        self.now = now

    def state(self, state: DeviceState, *, after_s: float = 1) -> bool:
        self.now += timedelta(seconds=after_s)
        return self.again(state)

    def again(self, state: DeviceState) -> bool:
        with self.database.transaction() as session:
            return service.record_state(session, "pump", state, self.now, now=self.now)

    @property
    def device(self):
        with self.database.reading() as session:
            return service.device(session, "pump")

    def kinds(self) -> list[str]:
        with self.database.reading() as session:
            return [e.kind for e in reversed(service.device_events(session, "pump"))]

    def published(self) -> list[str]:
        with self.database.reading() as session:
            names = session.scalars(select(OutboxEvent.name).order_by(OutboxEvent.id))
            return [name for name in names if name != "DeviceAdded"]


@pytest.fixture
def reporting(database: Database, now: datetime) -> Reporting:
    return Reporting(database, now)


def test_a_birth_tells_what_the_device_is(reporting: Reporting):
    sensors = (SensorInfo("compressor/current", "A", "current", (0.0, 20.0)),)
    assert reporting.state(birth(sensors=sensors))
    device = reporting.device
    assert device.online
    assert device.online_changed_at == device.last_seen_at == device.commissioned_at
    assert (device.model, device.firmware, device.boot) == ("HP3", "1.0", "b1")
    assert device.sensors == [
        {"name": "compressor/current", "unit": "A", "kind": "current", "limits": [0.0, 20.0]}
    ]
    assert reporting.published() == ["DeviceCameOnline"]
    assert reporting.kinds() == [], "a first birth is neither a reboot nor a change of firmware"


@pytest.mark.parametrize("reason", ["will", "shutdown"])
def test_it_goes_offline_for_a_reason(reporting: Reporting, reason):
    reporting.state(birth())
    assert reporting.state(DeviceState("offline", reason, 1000.0, "b1"))
    device = reporting.device
    assert (device.online, device.offline_reason) == (False, reason)
    assert device.online_changed_at == reporting.now
    assert reporting.published() == ["DeviceCameOnline", "DeviceWentOffline"]


def test_a_replayed_state_changes_nothing(reporting: Reporting):
    reporting.state(birth())
    reporting.state(birth(2000.0, "b2", "1.1"))
    before, published = reporting.device.online_changed_at, reporting.published()
    assert not reporting.again(birth(2000.0, "b2", "1.1"))
    reporting.now -= timedelta(seconds=1)
    with reporting.database.transaction() as session:
        later = reporting.now + timedelta(seconds=60)
        assert not service.record_state(session, "pump", birth(), reporting.now, now=later)
    assert reporting.device.boot == "b2"
    assert reporting.device.online_changed_at == before
    assert reporting.published() == published


def test_a_new_boot_is_a_reboot_on_record(reporting: Reporting):
    reporting.state(birth())
    reporting.state(birth(1500.0, "b1"))
    assert reporting.kinds() == [], "the same boot has only reconnected"
    reporting.state(birth(2000.0, "b2"))
    assert reporting.kinds() == ["reboot"]


def test_a_firmware_change_is_told_and_kept(reporting: Reporting):
    reporting.state(birth())
    reporting.state(birth(2000.0, "b2", "1.1"))
    assert reporting.kinds() == ["reboot", "firmware_changed"]
    assert reporting.published().count("DeviceFirmwareChanged") == 1
    with reporting.database.reading() as session:
        newest = service.device_events(session, "pump", limit=1)[0]
        assert newest.detail == {"before": "1.0", "after": "1.1"}
    reporting.state(birth(3000.0, "b2", ""))
    assert reporting.device.firmware == "1.1", "saying nothing is not a change"


def test_a_microcontrollers_new_firmware_is_a_change_of_firmware_once(
    reporting: Reporting, now: datetime
):
    done = DeviceEvent("firmware_update_done", 1e9, {"name": "mcu", "before": "1", "after": "2"})
    begun = DeviceEvent("firmware_update_begun", 1e9, {"name": "mcu"})
    for _ in range(2):
        with reporting.database.transaction() as session:
            service.record_events(session, [("pump", begun), ("pump", done)], now=now)
    assert reporting.kinds().count("firmware_update_done") == 1
    assert reporting.published().count("DeviceFirmwareChanged") == 1


def test_limits_told_at_birth(reporting: Reporting):
    sensors = (
        SensorInfo("mcu/v", "V", "gauge", (4.5, 5.5)),
        SensorInfo("mcu/rms", "m/s2", "gauge", (None, 12.0)),
        SensorInfo("mcu/t", "Cel"),
    )
    reporting.state(birth(sensors=sensors))
    assert service.told_limits(reporting.device) == {"mcu/v": (4.5, 5.5), "mcu/rms": (None, 12.0)}


def test_a_late_will_of_an_older_connection_does_not_take_it_offline(reporting: Reporting):
    reporting.state(birth(1000.0, "b1"))
    reporting.state(birth(2000.0, "b2"))
    assert not reporting.state(will(1000.0, "b1")), "another boot's will"
    reporting.state(birth(3000.0, "b2"))
    assert not reporting.state(will(2000.0, "b2")), "an older connection of the same boot"
    assert reporting.device.online
    assert reporting.state(will(3000.0, "b2"))
    assert not reporting.device.online


def test_a_device_whose_clock_went_back_can_still_come_and_go(reporting: Reporting):
    reporting.state(birth(5000.0, "b1"))
    assert reporting.state(birth(100.0, "b2"))
    assert reporting.device.online
    assert not reporting.state(will(5000.0, "b1"))
    assert reporting.state(will(100.0, "b2"))


def test_states_are_taken_after_this_machines_clock_was_set_back(reporting: Reporting):
    reporting.state(birth(1000.0, "b1"))
    assert reporting.state(will(), after_s=-3600)
    assert not reporting.device.online


def test_texts_from_the_device_are_cleaned(reporting: Reporting):
    reporting.state(
        DeviceState("online", "birth", 1.0, "b\x1b[31m", "HP\n3", "\u202e1.0", "x" * 128)
    )
    device = reporting.device
    assert (device.boot, device.model, device.firmware) == ("b[31m", "HP 3", "1.0")


def test_a_model_given_at_enrolment_stays(database: Database, now: datetime):
    with database.transaction() as session:
        service.add_device(session, device_id="hp", model="HP 3000", now=now)
        service.record_state(session, "hp", birth(), now, now=now)
        assert service.device(session, "hp").model == "HP 3000"


def test_an_event_is_kept_once_with_its_own_time(reporting: Reporting, now: datetime):
    event = DeviceEvent("link_fault", 1_700_000_000.5, {"port": "tty\x1b0", "count": 3})
    with reporting.database.transaction() as session:
        assert service.record_event(session, "pump", event, now=now)
        assert not service.record_event(session, "pump", event, now=now)
        (kept,) = service.device_events(session, "pump")
        assert kept.at.timestamp() == 1_700_000_000.5
        assert kept.detail == {"port": "tty0", "count": 3}
        assert service.device_events(session, "pump", since=now) == []
        assert service.device_events(session, "pump", until=kept.at) == []


def test_a_batch_of_events_is_kept_once(reporting: Reporting, now: datetime):
    batch = [("pump", DeviceEvent("reading", float(n // 2), {"text": "on"})) for n in range(10)]
    with reporting.database.transaction() as session:
        service.record_events(session, [], now=now)
        service.record_events(session, batch, now=now)
        service.record_events(session, batch, now=now)
        kept = service.device_events(session, "pump")
        assert [event.at.timestamp() for event in kept] == [4.0, 3.0, 2.0, 1.0, 0.0]


@given(ids=st.lists(st.text(st.characters(codec=None), max_size=70)))
def test_any_text_may_be_asked_whether_it_is_a_device(scratch, ids):
    with scratch.reading() as session:
        service.add_device(session, device_id="this-one", now=from_unix(1_700_000_000))
        assert service.active_ids(session, [*ids, "this-one"]) == {"this-one"}
        assert service.active_ids(session, []) == frozenset()


def test_unknown_devices_have_no_reports(reporting: Reporting, now: datetime):
    with reporting.database.transaction() as session:
        with pytest.raises(NotFound):
            service.record_state(session, "missing", birth(), now, now=now)
        with pytest.raises(NotFound):
            service.record_event(session, "missing", DeviceEvent("reboot", 1.0), now=now)


def test_last_seen_moves_forward_only_and_for_many_at_once(database: Database, now: datetime):
    later = now + timedelta(seconds=5)
    with database.transaction() as session:
        service.add_device(session, device_id="b", now=now)
        service.mark_seen(session, {}, now=now)
        service.mark_seen(session, {"pump": later, "b": now, "missing": now}, now=later)
        service.mark_seen(session, {"pump": now, "b": later}, now=later)
    with database.reading() as session:
        assert service.device(session, "pump").last_seen_at == later
        assert service.device(session, "pump").commissioned_at == later
        assert service.device(session, "b").last_seen_at == later
        assert service.device(session, "b").commissioned_at == now


def test_last_seen_moves_back_from_a_time_that_is_yet_to_come(database: Database, now: datetime):
    ahead, behind = now + timedelta(hours=1), now - timedelta(minutes=5)
    with database.transaction() as session:
        service.mark_seen(session, {"pump": ahead}, now=ahead)
        service.mark_seen(session, {"pump": behind}, now=now)  # the clock was set back between
    with database.reading() as session:
        assert service.device(session, "pump").last_seen_at == behind


@given(
    arrivals=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["b1", "b2"]),
            st.sampled_from(["birth", "will", "shutdown"]),
        ),
        max_size=8,
    ),
    replay_from=st.integers(0, 8),
)
def test_replaying_the_end_of_the_stream_gives_the_same_record(scratch, arrivals, replay_from):
    states = [
        (
            from_unix(1_700_000_000 + position),
            DeviceState("online" if reason == "birth" else "offline", reason, time_s, boot),
        )
        for position, (time_s, boot, reason) in enumerate(arrivals)
    ]
    now = from_unix(1_700_001_000)
    with scratch.reading() as session:

        def everything():
            session.flush()
            device = service.device(session, "d")
            columns = {c.key: getattr(device, c.key) for c in device.__table__.columns}
            return columns, session.query(OutboxEvent).count(), service.device_events(session, "d")

        service.add_device(session, device_id="d", now=now)
        for received, state in states:
            service.record_state(session, "d", state, received, now=now)
        before = everything()
        for received, state in states[replay_from:]:
            assert not service.record_state(session, "d", state, received, now=now)
        assert everything() == before
