"""What devices say about themselves: births, goodbyes, wills and events.

Messages may come again (the pipeline replays from its checkpoint) and a will may come late (the broker
notices a dead link after the device is back on a new one). Two rules keep the record right:

- the stream's arrival time orders states: one not newer than the last applied is a replay;
- a will belongs to the birth whose `boot` and `time_s` it carries: an older birth's will is outdated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from device_agent.wire.events import DeviceEvent
from device_agent.wire.state import DeviceState
from server.device import repository
from server.device.events import DeviceCameOnline, DeviceFirmwareChanged, DeviceWentOffline
from server.device.model import MAX_WORD, Device
from server.kit.clock import from_unix
from server.kit.errors import NotFound
from server.kit.events import publish
from server.kit.text import one_line, paragraph

_MAX_DETAIL_TEXT = 4096
_UPDATED = "firmware_update_done"


def record_state(
    session: Session, device_id: str, state: DeviceState, received: datetime, *, now: datetime
) -> bool:
    """Apply a state message that arrived at `received`; False for a replayed or outdated one."""
    return _apply(session, _known(session, device_id), state, received, now)


def _apply(
    session: Session, device: Device, state: DeviceState, received: datetime, now: datetime
) -> bool:
    if _is_replay(device, received, now) or _is_outdated(device, state):
        return False
    device.state_at = received
    device.last_seen_at = max(received, device.last_seen_at or received)
    device.commissioned_at = device.commissioned_at or received
    if state.status == "online":
        _born(session, device, state, received, now)
    else:
        _gone(session, device, state, received, now)
    return True


def record_states(
    session: Session, states: Iterable[tuple[str, DeviceState, datetime]], *, now: datetime
) -> None:
    """Apply (device id, state, arrival) in order; the devices are read at once."""
    batch = list(states)
    # Held here: a session forgets what nobody holds.
    known = repository.by_ids(session, {device_id for device_id, _, _ in batch})
    for device_id, state, received in batch:
        if device_id not in known:
            raise NotFound("no such device")
        _apply(session, known[device_id], state, received, now)


def record_event(session: Session, device_id: str, event: DeviceEvent, *, now: datetime) -> bool:
    """Keep an event; False when it is there already. Raises NotFound."""
    _known(session, device_id)
    row = _event_row(device_id, event, now)
    if repository.has_event(session, device_id, row["fingerprint"]):
        return False
    repository.add_events(session, [row])
    return True


def record_events(
    session: Session, events: Iterable[tuple[str, DeviceEvent]], *, now: datetime
) -> None:
    """Keep a batch of (device id, event) in one statement; those kept before stay as they are.

    The devices must be on record.
    """
    rows = []
    for device_id, event in events:
        row = _event_row(device_id, event, now)
        rows.append(row)
        if event.kind == _UPDATED and not repository.has_event(
            session, device_id, row["fingerprint"]
        ):
            publish(session, _firmware_changed(device_id, event), now=now)
    repository.add_events(session, rows)


def _firmware_changed(device_id: str, event: DeviceEvent) -> DeviceFirmwareChanged:
    """What follows from a microcontroller's new firmware: the same as from the device's own."""
    before, after = (_word(str(event.detail.get(name) or "")) for name in ("before", "after"))
    return DeviceFirmwareChanged(device_id=device_id, before=before, after=after, at_s=event.time_s)


def _event_row(device_id: str, event: DeviceEvent, now: datetime) -> dict[str, Any]:
    return {
        "device_id": device_id,
        "kind": event.kind,
        "at": from_unix(event.time_s),
        "detail": {_word(key): _value(value) for key, value in event.detail.items()},
        "received_at": now,
        "fingerprint": _fingerprint(event.kind, repr(event.time_s), event.detail),
    }


def _is_replay(device: Device, received: datetime, now: datetime) -> bool:
    # A known time that lies ahead of now means that this machine's clock was set back: go on.
    return device.state_at is not None and received <= device.state_at <= now


def _is_outdated(device: Device, state: DeviceState) -> bool:
    if state.status == "online" or not device.online:
        return False
    if state.boot and device.boot and _word(state.boot) != device.boot:
        return True
    return state.reason == "will" and device.born_s is not None and state.time_s < device.born_s


def _born(
    session: Session, device: Device, state: DeviceState, received: datetime, now: datetime
) -> None:
    at_s = received.timestamp()
    if not device.online:
        device.online, device.online_changed_at, device.offline_reason = True, received, ""
    boot = _word(state.boot)
    if boot and device.boot and boot != device.boot:
        _keep(
            session,
            device.id,
            kind="reboot",
            at=received,
            detail={"boot": boot, "boot_before": device.boot},
            fingerprint=_fingerprint("reboot", boot, {}),
            now=now,
        )
    firmware = _word(state.firmware)
    if firmware and device.firmware and firmware != device.firmware:
        before = device.firmware
        _keep(
            session,
            device.id,
            kind="firmware_changed",
            at=received,
            detail={"before": before, "after": firmware},
            fingerprint=_fingerprint("firmware_changed", repr(at_s), {}),
            now=now,
        )
        change = DeviceFirmwareChanged(
            device_id=device.id, before=before, after=firmware, at_s=at_s
        )
        publish(session, change, now=now)
    device.born_s = state.time_s
    device.boot = boot or device.boot
    device.firmware = firmware or device.firmware
    # Whoever enrolled the device may have named its model better than it does itself.
    device.model = device.model or _word(state.model)
    device.agent_version = _word(state.agent_version) or device.agent_version
    if state.sensors:
        device.sensors = [
            {**asdict(sensor), "kind": _word(sensor.kind)} for sensor in state.sensors
        ]
    publish(session, DeviceCameOnline(device_id=device.id, boot=boot, at_s=at_s), now=now)


def _gone(
    session: Session, device: Device, state: DeviceState, received: datetime, now: datetime
) -> None:
    device.offline_reason = state.reason
    if not device.online:
        return
    device.online, device.online_changed_at = False, received
    gone = DeviceWentOffline(device_id=device.id, reason=state.reason, at_s=received.timestamp())
    publish(session, gone, now=now)


def _keep(
    session: Session,
    device_id: str,
    *,
    kind: str,
    at: datetime,
    detail: dict[str, Any],
    fingerprint: str,
    now: datetime,
) -> None:
    row = {
        "device_id": device_id,
        "kind": kind,
        "at": at,
        "detail": detail,
        "received_at": now,
        "fingerprint": fingerprint,
    }
    repository.add_events(session, [row])


def _fingerprint(kind: str, when: str, detail: dict[str, Any]) -> str:
    text = json.dumps([kind, when, detail], sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _known(session: Session, device_id: str) -> Device:
    device = repository.by_id(session, device_id)
    if device is None:
        raise NotFound("no such device")
    return device


def _word(text: str) -> str:
    return one_line(text, limit=MAX_WORD)


def _value(value: Any) -> Any:
    return paragraph(value, limit=_MAX_DETAIL_TEXT) if isinstance(value, str) else value
