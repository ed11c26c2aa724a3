"""What makes a device's commissioning start anew."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from server.detection import service
from server.kit.clock import from_unix


class DeviceChange(Protocol):
    """An event about a device that is not quite the same device afterwards."""

    @property
    def device_id(self) -> str: ...

    @property
    def at_s(self) -> float: ...


class BaselineHandlers:
    """The pipeline applies these requests with its next checkpoint."""

    def after_repair(self, session: Session, event: DeviceChange) -> None:
        at = from_unix(event.at_s)
        service.request_baseline(session, event.device_id, at=at, reason="repair")

    def after_firmware_change(self, session: Session, event: DeviceChange) -> None:
        at = from_unix(event.at_s)
        service.request_baseline(session, event.device_id, at=at, reason="firmware change")
