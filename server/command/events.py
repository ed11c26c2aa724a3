"""What other features may react to."""

from __future__ import annotations

from dataclasses import dataclass

from server.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class CommandRequested(Event):
    command_id: str
    device_id: str


@dataclass(frozen=True, kw_only=True)
class CommandFinished(Event):
    """`status` is done, failed, refused or expired."""

    command_id: str
    device_id: str
    status: str
