"""Decisions on commands: who may ask what, when to send again, what an answer means."""

from __future__ import annotations

import logging
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from device_agent.wire import commands as wire
from device_agent.wire.errors import WireError
from server.account.viewer import Role, Viewer
from server.command import repository
from server.command.events import CommandFinished, CommandRequested
from server.command.model import Command
from server.command.states import CommandStatus, may_become
from server.device import service as devices
from server.kit.errors import BadInput, Conflict, Forbidden, NotFound
from server.kit.events import publish
from server.kit.text import one_line, paragraph

log = logging.getLogger(__name__)

OWNER_COMMANDS = frozenset({"read_now"})
"""What an owner may ask of his own device: nothing that changes it."""

DEFAULT_EXPIRES_IN_S = 900.0
MAX_EXPIRES_IN_S = 30 * 86_400.0
MAX_ARGS = 32
MAX_COMMAND_BYTES = 16 * 1024
MAX_OPEN_PER_DEVICE = 50
_RESEND_FIRST_S = 10.0
_MAX_OUTPUT_TEXT = 16 * 1024
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def request(
    session: Session,
    viewer: Viewer,
    device_id: str,
    name: str,
    args: Mapping[str, Any],
    *,
    expires_in_s: float = DEFAULT_EXPIRES_IN_S,
    now: datetime,
) -> Command:
    """Ask a device to do something. Raises NotFound, Forbidden, BadInput, Conflict."""
    device = devices.visible_device(session, viewer, device_id)
    if viewer.role is Role.OWNER and name not in OWNER_COMMANDS:
        raise Forbidden(f"an owner may only ask for {', '.join(sorted(OWNER_COMMANDS))}")
    if device.revoked_at is not None:
        raise Conflict("the device is revoked")
    if not 1 <= expires_in_s <= MAX_EXPIRES_IN_S:
        raise BadInput("expires_in_s", f"must be 1 to {MAX_EXPIRES_IN_S:.0f}")
    _check_args(args)
    if repository.open_count(session, device_id) >= MAX_OPEN_PER_DEVICE:
        raise Conflict(f"{MAX_OPEN_PER_DEVICE} commands wait for this device already")
    command = Command(
        id=_new_id(now),
        device_id=device_id,
        name=name,
        args=dict(args),
        requested_by=viewer.user_id,
        requested_role=viewer.role,
        created_at=now,
        expires_at=now + timedelta(seconds=expires_in_s),
        status=CommandStatus.PENDING,
        attempts=0,
        next_send_at=now,
    )
    try:
        size_bytes = len(payload_of(command))
    except WireError as error:
        raise BadInput(error.field, error.reason) from error
    if size_bytes > MAX_COMMAND_BYTES:
        raise BadInput("args", f"the command is larger than {MAX_COMMAND_BYTES} bytes")
    session.add(command)
    session.flush()
    publish(session, CommandRequested(command_id=command.id, device_id=device_id), now=now)
    return command


def payload_of(command: Command) -> bytes:
    """What goes over the wire."""
    return wire.encode_command(
        wire.Command(command.id, command.name, command.args, command.expires_at.timestamp())
    )


def visible_commands(
    session: Session, viewer: Viewer, device_id: str, *, before: str | None, limit: int
) -> Sequence[Command]:
    """Newest first. Raises NotFound for a device that the viewer may not see."""
    devices.visible_device(session, viewer, device_id)
    return repository.page(session, device_id, before=before, limit=limit)


def visible_command(session: Session, viewer: Viewer, device_id: str, command_id: str) -> Command:
    """Raises NotFound."""
    devices.visible_device(session, viewer, device_id)
    command = repository.by_id(session, command_id) if is_command_id(command_id) else None
    if command is None or command.device_id != device_id:
        raise NotFound("no such command")
    return command


def is_command_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def due_for_sending(session: Session, *, now: datetime, limit: int = 500) -> Sequence[Command]:
    """Open commands whose pause since the last send is over and whose device is reachable, oldest
    first. A device that never reports its state is tried as if it were online.
    """
    return repository.due(session, now=now, limit=limit)


def waiting_for(session: Session, device_id: str, *, now: datetime) -> Sequence[Command]:
    """Open commands of a device that has just come online: sent at once, whatever the pause."""
    return repository.open_of(session, device_id, now=now)


def mark_sent(command: Command, *, now: datetime) -> None:
    """Note a send; the next one waits 10 s, 20 s, 40 s … at most five minutes."""
    command.status = CommandStatus.SENT
    command.sent_at = command.sent_at or now
    pause = timedelta(seconds=_RESEND_FIRST_S * 2.0 ** min(command.attempts, 10))
    command.attempts += 1
    command.next_send_at = now + min(pause, repository.LONGEST_RESEND_PAUSE)


def record_result(
    session: Session, device_id: str, result: wire.CommandResult, *, now: datetime
) -> bool:
    """Note a device's answer; False where the command is not one of this device's.

    An answer that comes again changes nothing.
    """
    command = repository.by_id(session, result.id)
    if command is None or command.device_id != device_id:
        log.warning(
            "%s answered a command it was never given: %s", device_id, one_line(result.id, limit=64)
        )
        return False
    status = CommandStatus(result.status)
    if may_become(command.status, status):
        output = {one_line(k, limit=128): _value(v) for k, v in result.output.items()}
        _finish(session, command, status, output, now)
    return True


def expire_overdue(session: Session, *, now: datetime) -> int:
    """Give up commands whose time is over; returns how many."""
    overdue = repository.overdue(session, now=now)
    for command in overdue:
        _finish(session, command, CommandStatus.EXPIRED, None, now)
    return len(overdue)


def _finish(
    session: Session,
    command: Command,
    status: CommandStatus,
    output: dict[str, Any] | None,
    now: datetime,
) -> None:
    command.status, command.output, command.finished_at = status, output, now
    finished = CommandFinished(
        command_id=command.id, device_id=command.device_id, status=status.value
    )
    publish(session, finished, now=now)


def _check_args(args: Mapping[str, Any]) -> None:
    if len(args) > MAX_ARGS:
        raise BadInput("args", f"more than {MAX_ARGS}")
    for value in args.values():
        if not (value is None or isinstance(value, str | int | float | bool)):
            raise BadInput("args", "a value must be text, a number, true, false or null")


def _value(value: Any) -> Any:
    return paragraph(value, limit=_MAX_OUTPUT_TEXT) if isinstance(value, str) else value


def _new_id(now: datetime) -> str:
    """A UUID version 7: milliseconds first, so that ids are in the order of requests."""
    millis = int(now.timestamp() * 1000) & (1 << 48) - 1
    bits = millis << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))
