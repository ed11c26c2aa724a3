"""What other features may react to."""

from __future__ import annotations

from dataclasses import dataclass

from server.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class DeviceAdded(Event):
    device_id: str


@dataclass(frozen=True, kw_only=True)
class DeviceRevoked(Event):
    """Its credentials no longer hold: its live connection is to be dropped."""

    device_id: str


@dataclass(frozen=True, kw_only=True)
class DevicePaused(Event):
    """It sent more than its share: its live connection is to be dropped, and not let in for a while."""

    device_id: str


@dataclass(frozen=True, kw_only=True)
class DeviceSecretRotated(Event):
    """Its old credentials no longer hold: a connection made with them is to be dropped."""

    device_id: str


@dataclass(frozen=True, kw_only=True)
class DeviceTopicsChanged(Event):
    """What it may reach has changed: a connection made before is to be dropped."""

    device_id: str


@dataclass(frozen=True, kw_only=True)
class DeviceCameOnline(Event):
    """A birth arrived; also when it was online before and reconnected. Times in Unix seconds."""

    device_id: str
    boot: str
    at_s: float


@dataclass(frozen=True, kw_only=True)
class DeviceWentOffline(Event):
    """`reason` is "will" (the link broke) or "shutdown" (it said goodbye)."""

    device_id: str
    reason: str
    at_s: float


@dataclass(frozen=True, kw_only=True)
class DeviceFirmwareChanged(Event):
    device_id: str
    before: str
    after: str
    at_s: float
