"""Shows devices out whose credentials no longer hold, or whose topics changed."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from server.device.events import (
    DevicePaused,
    DeviceRevoked,
    DeviceSecretRotated,
    DeviceTopicsChanged,
)


class DeviceGate(Protocol):
    """The broker's side of a device's connection."""

    def disconnect(self, device_id: str) -> None:
        """Cut the device's live connections; raises where the broker can't be asked (tried again)."""
        ...


class DeviceHandlers:
    def __init__(self, gate: DeviceGate) -> None:
        self._gate = gate

    def show_out(
        self,
        _session: Session,
        event: DeviceRevoked | DeviceSecretRotated | DeviceTopicsChanged | DevicePaused,
    ) -> None:
        self._gate.disconnect(event.device_id)
