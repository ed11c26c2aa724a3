"""Gets commands to their devices, at once where possible and again until they are answered."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from server.command import repository, service
from server.command.events import CommandRequested
from server.command.model import Command
from server.command.states import OPEN
from server.device import repository as devices
from server.device.events import DeviceCameOnline
from server.kit.clock import Clock

log = logging.getLogger(__name__)


class CommandSender(Protocol):
    """Hands a payload to the broker. Called from any thread, inside a transaction: it must be quick."""

    def send(self, device_id: str, payload: bytes) -> None:
        """Publish on the device's command topic, at most once; raises where the broker is away.

        That the device got it is known only from its result; unanswered commands are sent again.
        """
        ...


class RecordingSender:
    """Keeps what was sent: for tests, and for a server without a broker."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.failure: Exception | None = None

    def send(self, device_id: str, payload: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append((device_id, payload))


class CommandHandlers:
    """Reactions to CommandRequested and DeviceCameOnline, and `sweep` for a timer."""

    def __init__(self, sender: CommandSender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock
        self._failing = False

    def send_requested(self, session: Session, event: CommandRequested) -> None:
        """Send a new command if its device is reachable; otherwise it waits for `send_waiting`."""
        command = repository.by_id(session, event.command_id)
        now = self._clock.now()
        if command is None or command.status not in OPEN or command.expires_at <= now:
            return
        if command.attempts == 0 and devices.is_reachable(session, command.device_id):
            self._send([command], now)

    def wait_for(self, session: Session, events: Sequence[DeviceCameOnline]) -> list[bool]:
        """For which of the devices anything waits: of thousands that come back, mostly for none."""
        ids = {event.device_id for event in events}
        waiting = repository.with_open(session, ids, now=self._clock.now())
        return [event.device_id in waiting for event in events]

    def send_waiting(self, session: Session, event: DeviceCameOnline) -> None:
        now = self._clock.now()
        self._send(service.waiting_for(session, event.device_id, now=now), now)

    def sweep(self, session: Session, *, now: datetime) -> int:
        """Give up what expired, send again what is due; returns how many were sent."""
        service.expire_overdue(session, now=now)
        return self._send(service.due_for_sending(session, now=now), now)

    def _send(self, commands: Iterable[Command], now: datetime) -> int:
        sent = 0
        for command in commands:
            try:
                self._sender.send(command.device_id, service.payload_of(command))
            except Exception as error:  # noqa: BLE001 - whatever it is, the next sweep tries again
                if not self._failing:
                    log.warning("commands can't be sent, trying again: %r", error)
                self._failing = True
                return sent
            service.mark_sent(command, now=now)
            sent += 1
        if sent and self._failing:
            log.info("commands can be sent again")
            self._failing = False
        return sent
