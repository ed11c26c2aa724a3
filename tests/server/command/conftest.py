from datetime import datetime, timedelta

import pytest

from device_agent.wire.state import DeviceState
from server.account import Role, Viewer
from server.device import service as devices
from server.kit.database import Database


@pytest.fixture
def owner(person) -> Viewer:
    return person(Role.OWNER)[0]


@pytest.fixture
def technician(person) -> Viewer:
    return person(Role.TECHNICIAN)[0]


@pytest.fixture
def pump(database: Database, owner: Viewer, now: datetime) -> str:
    """The id of the owner's device, which has been online and is offline."""
    with database.transaction() as session:
        devices.add_device(session, device_id="pump", owner_id=owner.user_id, now=now)
        gone = DeviceState("offline", "will", 0.0)
        devices.record_state(session, "pump", gone, now - timedelta(hours=1), now=now)
        return "pump"


@pytest.fixture
def comes_online(database: Database, pump: str):
    def birth(now: datetime) -> None:
        state = DeviceState("online", "birth", now.timestamp(), "b1")
        with database.transaction() as session:
            devices.record_state(session, pump, state, now, now=now)

    return birth
