"""Enrolment: a token that is worth a device's credentials, once and not for long.

Either the server makes the token and a person types it at the device, or the device makes a claim code,
shows it, and a person types that here; from then on both are the same. A token is written in letters
and digits that can't be mistaken for others. Only its hash is kept.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy.orm import Session

from server.broker.address import parse_address
from server.device import repository, service
from server.device.model import DeviceEnrolment
from server.kit.errors import BadInput, Conflict, NotFound
from server.kit.settings import Settings

DEFAULT_VALID_S: Final = 24 * 3600.0
MAX_VALID_S: Final = 30 * 24 * 3600.0

_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_GROUPS: Final = 7
_GROUP_CHARS: Final = 4
# 16 of 31 characters are 79 bits: not to be guessed within the hours that a claim code holds.
_SOUND: Final = re.compile(rf"[{_ALPHABET}]{{16,40}}")
_LOCAL: Final = {"localhost", "127.0.0.1", "::1"}
_REFUSED: Final = "the token is unknown, used or expired"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device needs to speak to the broker."""

    device_id: str
    username: str
    password: str


def make_token(
    session: Session,
    device_id: str,
    *,
    claim_code: str | None = None,
    valid_s: float = DEFAULT_VALID_S,
    created_by: int | None = None,
    now: datetime,
) -> tuple[str, datetime]:
    """(token, when it expires); a device's earlier tokens hold no longer.

    Raises NotFound for a missing device, Conflict for a revoked one or a claim code that is taken,
    BadInput for a claim code that is none.
    """
    if service.device(session, device_id).revoked_at is not None:
        raise Conflict(f"the device {device_id} is revoked")
    token = _new_token() if claim_code is None else claim_code.strip()
    if _SOUND.fullmatch(_normal(token)) is None:
        raise BadInput("claim_code", "must be the code that the device shows")
    token_hash = _hash(token)
    if repository.enrolment_exists(session, token_hash):
        raise Conflict("this claim code has been used before")
    repository.end_enrolments(session, device_id, now)
    expires_at = now + timedelta(seconds=valid_s)
    session.add(
        DeviceEnrolment(
            device_id=device_id,
            token_hash=token_hash,
            created_by=created_by,
            created_at=now,
            expires_at=expires_at,
        )
    )
    session.flush()
    return token, expires_at


def enrol(session: Session, token: str, *, now: datetime) -> Credentials:
    """Exchange a token for new credentials, which replace the device's old ones.

    Raises NotFound, whatever is wrong with the token.
    """
    device_id = None
    if _SOUND.fullmatch(_normal(token)):
        device_id = repository.use_enrolment(session, _hash(token), now)
    if device_id is None:
        raise NotFound(_REFUSED)
    try:
        password = service.rotate_secret(session, device_id, now=now)
    except Conflict as error:  # revoked since
        raise NotFound(_REFUSED) from error
    return Credentials(device_id, device_id, password)


def mqtt_url(settings: Settings, host: str) -> str:
    """Where a device that reached us at `host` finds the broker."""
    if settings.public_mqtt_url:
        return settings.public_mqtt_url
    scheme, port = "mqtt", settings.mqtt_port
    if settings.mqtt_url:
        outside = parse_address(settings.mqtt_url)
        if outside.host not in _LOCAL:
            return outside.url
        scheme, port = ("mqtts" if outside.tls else "mqtt"), outside.port
    else:
        try:
            running = json.loads((settings.data_dir / "server.json").read_text("utf-8"))
            port = int(str(running["mqtt"]).rpartition(":")[2])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not written yet: the configured port is the best that is known
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _new_token() -> str:
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_CHARS)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


def _normal(token: str) -> str:
    return re.sub(r"[\s-]", "", token[:200]).upper()


def _hash(token: str) -> str:
    return sha256(_normal(token).encode()).hexdigest()
