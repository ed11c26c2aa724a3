from datetime import datetime

import pytest

from server.account import Role, service
from server.account.limiter import SignInLimiter
from server.kit.database import Database

PASSWORD = "correct horse battery"


@pytest.fixture
def limiter() -> SignInLimiter:
    return SignInLimiter()


@pytest.fixture
def ann(database: Database, now: datetime) -> int:
    """The id of a user with the password PASSWORD."""
    with database.transaction() as session:
        return service.add_user(
            session,
            email="ann@example.com",
            name="Ann",
            role=Role.OWNER,
            password=PASSWORD,
            now=now,
        ).id
