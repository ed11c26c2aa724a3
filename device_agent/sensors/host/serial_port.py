"""Which device is behind a serial port: a cable that was moved is a fault that looks like nonsense data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_agent.sensor_settings import SerialPortSettings
from device_agent.sensors.naming import text_of
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

_UP: Final = 5


@dataclass(frozen=True, slots=True)
class Identity:
    """What USB tells of a port; words are empty where the port is not on USB."""

    is_present: bool
    vendor: str = ""
    product: str = ""
    serial: str = ""
    title: str = ""


def sources(settings: SerialPortSettings, around: Around) -> list[AnySource]:
    """Watch one port."""
    name = f"serial/{settings.name}"
    wanted = (settings.vendor, settings.product, settings.serial)

    def is_right(found: Identity) -> bool | None:
        if not found.is_present or not any(wanted):
            return None
        there = (found.vendor, found.product, found.serial)
        return all(want in {"", is_there} for want, is_there in zip(wanted, there, strict=True))

    rows: tuple[SensorDescription[Identity], ...] = (
        SensorDescription(f"{name}/present", "", "link", (0.0, 1.0), lambda s: s.is_present),
        SensorDescription(f"{name}/right_device", "", "link", (0.0, 1.0), is_right),
        SensorDescription(f"{name}/identity", "", "text", None, _words),
    )
    return [Source(name, settings.period_s, lambda: identity(settings.port, around), rows)]


def identity(port: str, around: Around) -> Identity:
    """Find what is behind a port; links such as /dev/serial/by-id are followed."""
    place = around.below(port)
    if not place.exists():
        return Identity(is_present=False)
    tty = around.below("/sys/class/tty") / place.resolve().name
    folder = (tty / "device").resolve()
    for _ in range(_UP):
        if (folder / "idVendor").exists():
            return _usb(folder)
        folder = folder.parent
    return Identity(is_present=True)


def _usb(folder: Path) -> Identity:
    words = [text_of(folder / name) for name in ("idVendor", "idProduct", "serial", "product")]
    return Identity(True, *words)


def _words(found: Identity) -> str:
    if not found.is_present:
        return "absent"
    usb = f"{found.vendor}:{found.product} {found.serial} {found.title}" if found.vendor else ""
    return " ".join(usb.split()) or "not on USB"
