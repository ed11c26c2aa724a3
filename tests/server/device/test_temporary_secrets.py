"""Secrets for tools that act as a device for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.device import service
from server.device.credentials import LONGEST_PAUSE, DeviceAuthenticator
from server.device.temporary import TemporarySecrets
from server.kit.clock import ManualClock
from server.kit.database import Database
from server.kit.errors import NotFound

HOUR = timedelta(hours=1)


@pytest.fixture
def temporary(tmp_path: Path) -> TemporarySecrets:
    return TemporarySecrets.of(tmp_path)


@pytest.fixture
def minted(database: Database, temporary: TemporarySecrets, now: datetime) -> Callable[[str], str]:
    def mint(device_id: str) -> str:
        with database.transaction() as session:
            service.add_device(session, device_id=device_id, now=now)
            return temporary.mint(session, device_id, expires=now + HOUR)

    return mint


def test_it_opens_its_device_until_it_expires(
    database: Database,
    temporary: TemporarySecrets,
    minted: Callable[[str], str],
    clock: ManualClock,
) -> None:
    secret, other = minted("pump"), minted("valve")
    gate = DeviceAuthenticator(database, temporary=temporary, clock=clock)
    assert gate.check("pump", secret, "pump-replay-1") is not None
    assert gate.check("pump", other, "pump-replay-1") is None
    assert gate.check("pump", secret, "valve") is None
    assert DeviceAuthenticator(database).check("pump", secret, "pump") is None
    clock.advance(seconds=3599)
    assert gate.check("pump", secret, "pump") is not None
    clock.advance(seconds=1)
    assert gate.check("pump", secret, "pump") is None


@pytest.mark.parametrize("end", [service.revoke_device, service.rotate_secret])
def test_it_ends_with_the_devices_own_secret(
    database: Database,
    temporary: TemporarySecrets,
    minted: Callable[[str], str],
    now: datetime,
    end: Callable[..., object],
) -> None:
    secret = minted("pump")
    with database.transaction() as session:
        assert temporary.opens(session, "pump", secret, now=now)
        end(session, "pump", now=now)
        assert not temporary.opens(session, "pump", secret, now=now)


def test_none_is_minted_for_what_is_not_on_record(
    database: Database, temporary: TemporarySecrets, minted: Callable[[str], str], now: datetime
) -> None:
    minted("pump")
    with database.transaction() as session:
        service.revoke_device(session, "pump", now=now)
        for device_id in ("pump", "nothing"):
            with pytest.raises(NotFound):
                temporary.mint(session, device_id, expires=now + HOUR)


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    for _ in range(2):
        TemporarySecrets.of(tmp_path)
    [file] = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    key = file.read_bytes()
    TemporarySecrets.of(tmp_path)
    assert file.read_bytes() == key
    assert len(key) == 32


def test_another_key_opens_nothing(
    database: Database, minted: Callable[[str], str], now: datetime
) -> None:
    secret = minted("pump")
    with database.reading() as session:
        assert not TemporarySecrets(b"x" * 32).opens(session, "pump", secret, now=now)


@given(text=st.text(max_size=200), cut=st.integers(0, 80))
def test_nothing_else_opens(text: str, cut: int) -> None:
    """No session is needed to refuse what can't be one of ours."""
    secrets = TemporarySecrets(b"k" * 32)
    for forged in (text, f"temporary.{text}", "temporary." + "9" * cut + "x." + text):
        if not forged.startswith("temporary.") or not forged.split(".")[1].isdigit():
            assert not secrets.opens(None, "pump", forged, now=None)  # type: ignore[arg-type]


def test_a_paused_device_is_not_let_in_until_its_pause_is_over(
    database: Database, clock: ManualClock, now: datetime
) -> None:
    with database.transaction() as session:
        _, secret = service.add_device(session, device_id="mad", now=now)
        service.pause(session, "mad", until=now + LONGEST_PAUSE, now=now)
    gate = DeviceAuthenticator(database, clock=clock)
    assert gate.check("mad", secret, "mad") is None
    clock.advance(seconds=LONGEST_PAUSE.total_seconds())
    assert gate.check("mad", secret, "mad") is not None


def test_a_clock_set_back_makes_no_pause_longer_than_any(
    database: Database, clock: ManualClock, now: datetime
) -> None:
    with database.transaction() as session:
        _, secret = service.add_device(session, device_id="mad", now=now)
        service.pause(session, "mad", until=now + LONGEST_PAUSE, now=now)
    gate = DeviceAuthenticator(database, clock=clock)
    clock.step(seconds=-86_400)
    assert gate.check("mad", secret, "mad") is not None
