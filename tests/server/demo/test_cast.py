"""The people and devices of the demo are put on record once, and their secrets are kept close."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from device_agent.config import load_settings, read_password
from server.account import service as accounts
from server.account.limiter import SignInLimiter
from server.account.viewer import Role
from server.demo import cast as cast_module
from server.demo.cast import HOST_ID, PEOPLE, Cast
from server.demo.companions import write_agent_config
from server.demo.fleet.roster import FLEET
from server.device import repository as devices
from server.device.credentials import check_credentials
from server.kit.database import Database


def settled(database: Database, cast: Cast, now: datetime) -> Cast:
    with database.transaction() as session:
        cast.settle(session, now=now)
    return cast


@pytest.fixture
def nobody_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are slow to hash on purpose, and not every test is about them."""
    monkeypatch.setattr(cast_module, "PEOPLE", [replace(p, signs_in=False) for p in PEOPLE])


def test_everyone_can_sign_in_and_every_device_can_connect(
    database: Database, now: datetime
) -> None:
    cast = settled(database, Cast(seed=1, password="demo-0123456789"), now)
    assert set(cast.secrets) == {m.device_id for m in FLEET} | {HOST_ID}
    with database.reading() as session:
        assert devices.count(session, owner_id=None) == len(FLEET) + 1
        for device_id, secret in cast.secrets.items():
            assert check_credentials(session, device_id, secret)
    emails = {p.role: p.email for p in PEOPLE if p.signs_in}
    assert set(emails) == set(Role)
    for email in emails.values():
        assert accounts.sign_in(
            database, SignInLimiter(), email, cast.password,
            client_address="127.0.0.1", user_agent="test", now=now,
        )  # fmt: skip


@pytest.mark.usefixtures("nobody_signs_in")
def test_a_second_start_changes_nothing(database: Database, now: datetime, tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    first = settled(database, Cast.load(file, seed=3), now)
    first.save(file)
    assert file.stat().st_mode & 0o777 == 0o600
    second = settled(database, Cast.load(file, seed=4), now)
    assert second == first


@pytest.mark.usefixtures("nobody_signs_in")
def test_a_lost_file_costs_the_devices_their_old_secrets(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    first = settled(database, Cast.load(tmp_path / "demo.json", seed=3), now)
    again = settled(database, Cast.load(tmp_path / "demo.json", seed=3), now)
    with database.reading() as session:
        for device_id in again.secrets:
            assert check_credentials(session, device_id, again.secrets[device_id])
            assert not check_credentials(session, device_id, first.secrets[device_id])


def test_the_agents_configuration_is_one_that_it_accepts(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" \\ folder'
    config = write_agent_config(folder, "mqtt://127.0.0.1:4321", 'sec"ret\\')
    loaded = load_settings(config)
    assert loaded.device_id == HOST_ID
    assert (loaded.broker.host, loaded.broker.port) == ("127.0.0.1", 4321)
    assert read_password(loaded) == 'sec"ret\\'
    assert Path(loaded.spool.directory) == folder.resolve() / "spool"
    assert (folder / "password").stat().st_mode & 0o777 == 0o600
