"""How one target is flashed."""

import re
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.errors import SettingsError
from firmware_bridge.flash.image import MAX_IMAGE_BYTES
from firmware_bridge.transport.identity import Roots, check_port

METHODS: Final = ("avrdude", "esptool", "smp")
_HARDWARE: Final = re.compile(r"[A-Za-z0-9_.@/+-]{1,64}")


@dataclass(frozen=True, slots=True)
class FlashSettings:
    """One target. ``hardware`` is what sits there, by the method's own names: nothing else is ever written.

    avrdude: the part, as ``atmega328p``; esptool: the chip, as ``esp32c3``; smp: the board, as Zephyr names it.
    """

    method: str
    port: str
    hardware: str
    baud: int = 115_200
    max_bytes: int = MAX_IMAGE_BYTES
    address: int = 0x10000
    """esptool: where the application lies."""
    programmer: str = "arduino"
    """avrdude: what speaks at the other end of the line."""
    timeout_s: float = 600.0
    """No step takes longer."""
    roots: Roots = field(default_factory=Roots)

    def __post_init__(self) -> None:
        check_port(self.port)
        if self.method not in METHODS:
            raise SettingsError("method", f"is {', '.join(METHODS)}")
        if _HARDWARE.fullmatch(self.hardware) is None:
            raise SettingsError("hardware", "must name what sits there: part, chip or board")
        if not 1 <= self.max_bytes <= MAX_IMAGE_BYTES:
            raise SettingsError("max_bytes", f"must be 1 to {MAX_IMAGE_BYTES}")
        if not 0 <= self.address <= 0x7FFFFFFF or self.address % 0x1000:
            raise SettingsError("address", "must be whole pages of 4096 bytes")
        if _HARDWARE.fullmatch(self.programmer) is None:
            raise SettingsError("programmer", "must be a name of avrdude's")
