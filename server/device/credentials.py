"""The device's password: made, kept, checked.

A secret is 32 random bytes, not something a person chose: there is nothing to guess, so a plain
SHA-256 is as safe as a slow hash, and thousands of devices that reconnect after an outage of the
broker are checked in milliseconds each rather than in argon2's tenths of a second.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from sqlalchemy.orm import Session

from device_agent.wire.topics import valid_device_id
from server.broker.auth_callout import Grant
from server.device import repository
from server.device.mosquitto import mosquitto_hash
from server.device.temporary import TemporarySecrets
from server.kit.clock import Clock, SystemClock
from server.kit.database import Database

_NOBODYS_HASH = "0" * 64

LONGEST_PAUSE = timedelta(minutes=15)
"""A device that sends more than its share is shown out for so long at most."""

_NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """`secret` is handed over once; the hashes are kept."""

    secret: str
    secret_hash: str
    mosquitto_hash: str


def new_secret() -> NewSecret:
    secret = secrets.token_urlsafe(32)
    return NewSecret(secret, hash_secret(secret), mosquitto_hash(secret))


def hash_secret(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


def check_credentials(session: Session, device_id: str, password: str) -> bool:
    """Whether this is the secret of a device on record that is not revoked; one indexed read."""
    known = repository.secret_hash(session, device_id) if valid_device_id(device_id) else None
    return _same(password, known)


class DeviceAuthenticator:
    """The broker's `Authenticator` over the records; safe to call from several threads."""

    def __init__(
        self,
        database: Database,
        *,
        temporary: TemporarySecrets | None = None,
        clock: Clock | None = None,
    ) -> None:
        """With `temporary`, its secrets open as well, as of `clock`."""
        self._database = database
        self._temporary = temporary
        self._clock = clock or SystemClock()

    def check(self, username: str, password: str, client_id: str) -> Grant | None:
        """The username is the device id.

        A client id that is another device's id is refused: the broker would take that device's
        session away from it. So is a device that sent more than its share, for as long as it is paused.
        """
        with self._database.reading() as session:
            known = repository.admission(session, username) if valid_device_id(username) else None
            right = _same(password, known.secret_hash if known else None)
            if known is None or not (right or self._opens(session, username, password)):
                return None
            # Further away than any pause: the clock was set back since.
            pause = known.paused_until and known.paused_until - self._clock.now()
            if pause and _NO_TIME < pause <= LONGEST_PAUSE:
                return None
            stolen = (
                client_id != username
                and valid_device_id(client_id)
                and repository.exists(session, client_id)
            )
        return None if stolen else Grant(username, known.topics)

    def _opens(self, session: Session, device_id: str, password: str) -> bool:
        """Whether it is a temporary secret that holds."""
        return self._temporary is not None and self._temporary.opens(
            session, device_id, password, now=self._clock.now()
        )


def _same(password: str, secret_hash: str | None) -> bool:
    """In constant time, also where there is no such device."""
    right = hmac.compare_digest(hash_secret(password), secret_hash or _NOBODYS_HASH)
    return right and secret_hash is not None
