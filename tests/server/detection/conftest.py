import pytest

from server.kit.clock import ManualClock
from server.kit.database import Database
from tests.server.incident.case_world import CaseWorld


@pytest.fixture
def world(database: Database, clock: ManualClock) -> CaseWorld:
    return CaseWorld(database, clock)
