"""Decisions on devices: enrolment, ownership, who sees which."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from device_agent.wire.topics import valid_device_id
from server.account import repository as accounts
from server.account.viewer import Viewer
from server.device import repository
from server.device.credentials import check_credentials, new_secret
from server.device.events import (
    DeviceAdded,
    DevicePaused,
    DeviceRevoked,
    DeviceSecretRotated,
    DeviceTopicsChanged,
)
from server.device.model import MAX_NAME, MAX_WORD, Device, DeviceEventRecord
from server.device.reports import record_event, record_events, record_state, record_states
from server.device.topics import checked_topics
from server.kit.errors import BadInput, Conflict, NotFound
from server.kit.events import publish
from server.kit.text import one_line

__all__ = [
    "active_ids",
    "add_device",
    "allow",
    "check_credentials",
    "device",
    "device_events",
    "foreign_topics",
    "mark_seen",
    "pause",
    "record_event",
    "record_events",
    "record_state",
    "record_states",
    "rename",
    "revoke_device",
    "rotate_secret",
    "set_owner",
    "visible_device",
    "visible_devices",
]

_OUT_OF_REACH = "no such device"
"""Said of a missing device and of another owner's alike, so that ids can't be probed."""


def add_device(
    session: Session,
    *,
    device_id: str,
    name: str | None = None,
    owner_id: int | None = None,
    model: str = "",
    site: str = "",
    topics: Sequence[str] = (),
    gateway_id: str | None = None,
    now: datetime,
) -> tuple[Device, str]:
    """(device, its secret); the secret can't be shown again. Raises BadInput, Conflict, NotFound."""
    if not valid_device_id(device_id):
        raise BadInput("device_id", "must be 1 to 64 of A-Z a-z 0-9 _ -")
    if repository.exists(session, device_id):
        raise Conflict(f"there is already a device {device_id}")
    _check_owner(session, owner_id)
    _check_gateway(session, device_id, gateway_id)
    new = new_secret()
    added = Device(
        id=device_id,
        name=device_id if name is None else _text("name", name, MAX_NAME, required=True),
        model=_text("model", model, MAX_WORD),
        site=_text("site", site, MAX_NAME),
        owner_id=owner_id,
        secret_hash=new.secret_hash,
        mosquitto_hash=new.mosquitto_hash,
        topics=checked_topics(topics),
        gateway_id=gateway_id,
        created_at=now,
    )
    session.add(added)
    try:
        session.flush()
    except IntegrityError as error:  # another process was quicker
        raise Conflict(f"there is already a device {device_id}") from error
    publish(session, DeviceAdded(device_id=device_id), now=now)
    return added, new.secret


def revoke_device(session: Session, device_id: str, *, now: datetime) -> None:
    """Its credentials hold no longer; what it sent stays. Doing so twice changes nothing."""
    revoked = device(session, device_id)
    if revoked.revoked_at is not None:
        return
    revoked.revoked_at = now
    if revoked.online:
        revoked.online, revoked.online_changed_at, revoked.offline_reason = False, now, "revoked"
    publish(session, DeviceRevoked(device_id=device_id), now=now)


def pause(session: Session, device_id: str, *, until: datetime, now: datetime) -> None:
    """It sent more than its share: shown out, and not let in before `until`. Raises NotFound."""
    device(session, device_id).paused_until = until
    publish(session, DevicePaused(device_id=device_id), now=now)


def rotate_secret(session: Session, device_id: str, *, now: datetime) -> str:
    """The new secret; the old one holds no longer. Raises NotFound; Conflict once revoked."""
    changed = device(session, device_id)
    if changed.revoked_at is not None:
        raise Conflict(f"the device {device_id} is revoked")
    new = new_secret()
    changed.secret_hash, changed.mosquitto_hash = new.secret_hash, new.mosquitto_hash
    publish(session, DeviceSecretRotated(device_id=device_id), now=now)
    return new.secret


def allow(
    session: Session,
    device_id: str,
    *,
    topics: Sequence[str] | None = None,
    gateway_id: str | None = None,
    now: datetime,
) -> Device:
    """Replace its foreign topics, or say behind which gateway it lies; None leaves as it is.

    Raises NotFound, BadInput, Conflict.
    """
    changed = device(session, device_id)
    if gateway_id is not None:
        _check_gateway(session, device_id, gateway_id)
        changed.gateway_id = gateway_id
    if topics is not None and (checked := checked_topics(topics)) != list(changed.topics):
        changed.topics = checked
        publish(session, DeviceTopicsChanged(device_id=device_id), now=now)
    return changed


def foreign_topics(session: Session, device_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Device to the filters through which it may be spoken for: its own and its gateway's."""
    asked = [text for text in device_ids if valid_device_id(text)]
    rows = repository.spoken_through(session, asked) if asked else []
    return {device_id: (*own, *(behind or ())) for device_id, own, behind in rows}


def set_owner(session: Session, device_id: str, owner_id: int | None) -> None:
    """Raises NotFound for a missing device or user."""
    changed = device(session, device_id)
    _check_owner(session, owner_id)
    changed.owner_id = owner_id


def rename(session: Session, device_id: str, *, name: str) -> None:
    device(session, device_id).name = _text("name", name, MAX_NAME, required=True)


def device(session: Session, device_id: str) -> Device:
    """Whoever asks, also a revoked one; for a person's request use `visible_device`."""
    found = repository.by_id(session, device_id)
    if found is None:
        raise NotFound(_OUT_OF_REACH)
    return found


def visible_device(session: Session, viewer: Viewer, device_id: str) -> Device:
    """Raises NotFound for a missing device and for one that is not this owner's."""
    found = repository.by_id(session, device_id) if valid_device_id(device_id) else None
    if found is None or not may_see(viewer, found):
        raise NotFound(_OUT_OF_REACH)
    return found


def may_see(viewer: Viewer, seen: Device) -> bool:
    return viewer.sees_all_devices or seen.owner_id == viewer.user_id


def visible_devices(
    session: Session,
    viewer: Viewer,
    *,
    text: str = "",
    after: str | None = None,
    limit: int = 500,
) -> Sequence[Device]:
    """In order of id, after the id `after`; an owner gets his own. `text` is looked for in the
    id, name, model and site. Fetch one more than a page to know whether there is another.
    """
    owner_id = None if viewer.sees_all_devices else viewer.user_id
    wanted = one_line(text, limit=MAX_NAME)
    return repository.page(session, owner_id=owner_id, text=wanted, after=after, limit=limit)


def active_ids(session: Session, device_ids: Collection[str] | None = None) -> frozenset[str]:
    """Those of `device_ids` (None: of all) that are on record and not revoked.

    Any text may be asked about: what can't be a device id never reaches the database.
    """
    if device_ids is not None:
        device_ids = [text for text in device_ids if valid_device_id(text)]
    return repository.active_ids(session, device_ids)


def mark_seen(session: Session, seen: Mapping[str, datetime], *, now: datetime) -> None:
    """Note when devices were last heard of (arrival time); called once a batch.

    Moves back only from a time that is yet to come: the clock was set back since.
    """
    repository.mark_seen(session, seen, now=now)


def gateways(session: Session) -> dict[str, str]:
    """Of each device in service that speaks through a gateway, which one."""
    return dict(repository.gateways(session))


def told_limits(told: Device) -> dict[str, tuple[float | None, float | None]]:
    """Per metric the range that the device's newest birth calls sound, an open end as None."""
    return {
        str(sensor["name"]): (sensor["limits"][0], sensor["limits"][1])
        for sensor in told.sensors
        if sensor.get("limits")
    }


def device_events(
    session: Session,
    device_id: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 500,
) -> Sequence[DeviceEventRecord]:
    """Newest first, `since` ≤ at < `until`. The caller has checked that the viewer sees the device."""
    return repository.events(session, device_id, since=since, until=until, limit=limit)


def _check_owner(session: Session, owner_id: int | None) -> None:
    if owner_id is None:
        return
    owner = accounts.user_by_id(session, owner_id)
    if owner is None or owner.disabled_at is not None:
        raise NotFound("no such user to own the device")


def _check_gateway(session: Session, device_id: str, gateway_id: str | None) -> None:
    if gateway_id is None:
        return
    if gateway_id == device_id:
        raise BadInput("gateway", "a device can't lie behind itself")
    gateway = repository.by_id(session, gateway_id) if valid_device_id(gateway_id) else None
    if gateway is None or gateway.revoked_at is not None:
        raise NotFound(f"there is no device {one_line(gateway_id, limit=64)} to be its gateway")


def _text(field: str, text: str, limit: int, *, required: bool = False) -> str:
    clean = one_line(text, limit=limit + 1)
    if required and not clean:
        raise BadInput(field, "must not be empty")
    if len(clean) > limit:
        raise BadInput(field, f"must have at most {limit} characters")
    return clean
