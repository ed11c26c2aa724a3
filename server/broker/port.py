"""What the server asks of a broker, whichever it is: the way to the devices."""

from __future__ import annotations

from typing import Protocol


class DeviceBroker(Protocol):
    """Used on the event loop, between start and stop of the adapter."""

    @property
    def connected(self) -> bool:
        """Whether our own connections stand right now."""
        ...

    @property
    def writing(self) -> bool:
        """False while what devices send can't be kept: they are acknowledged nothing then."""
        ...

    async def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message to whoever listens now. Raises BrokerUnavailable while the broker is away."""
        ...

    async def publish_command(self, device_id: str, payload: bytes) -> None:
        """The same on the device's command topic; raises BrokerError for what is no device id."""
        ...

    async def disconnect_device(self, device_id: str) -> int:
        """Its credentials changed: cut its live connections if we can; how many there were.

        Raises BrokerUnavailable when the broker can't be asked.
        """
        ...
