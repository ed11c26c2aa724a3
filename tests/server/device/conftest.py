from datetime import datetime

import pytest

from server.device import service
from server.kit.database import Database


@pytest.fixture
def pump(database: Database, now: datetime) -> str:
    """The secret of a device called `pump`."""
    with database.transaction() as session:
        return service.add_device(session, device_id="pump", now=now)[1]
