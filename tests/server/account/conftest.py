from datetime import datetime

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from server.account import Role, passwords, service
from server.account.limiter import SignInLimiter
from server.kit.database import Database

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes():
    """The same argon2 with small parameters: its cost is not what these tests are about."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(passwords, "_HASHER", PasswordHash((cheap,)))
        passwords._nobodys_hash.cache_clear()
        yield
    passwords._nobodys_hash.cache_clear()


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
