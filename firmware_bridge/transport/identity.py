"""Which device file a configured port is now: names that stay when ttyUSB0 becomes ttyUSB1.

Three forms: a path (best ``/dev/serial/by-id/…`` or ``…/by-path/…``, links that udev keeps), ``usb:VID:PID`` and
``usb:VID:PID:SERIAL`` in hexadecimal, looked up in sysfs.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_bridge.errors import PortDenied, PortMissing, SettingsError

_USB: Final = re.compile(r"usb:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?::([!-~]{1,64}))?")


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the system keeps devices; other places in tests."""

    dev: Path = Path("/dev")
    sys: Path = Path("/sys")


@dataclass(frozen=True, slots=True)
class Found:
    """One serial port of this machine: the names it can be configured by, the most lasting first."""

    device: Path
    names: tuple[str, ...]
    product: str


def check_port(port: str) -> str:
    """Return a configured port unchanged; raises SettingsError if it is none of the three forms."""
    if _USB.fullmatch(port) or (port.startswith("/") and "\0" not in port and len(port) < 256):
        return port
    raise SettingsError("port", "is a path such as /dev/serial/by-id/… or usb:VID:PID[:SERIAL]")


def resolve(port: str, roots: Roots) -> Path:
    """Return the device file that ``port`` is now; raises PortMissing, or PortDenied when it fits several."""
    usb = _USB.fullmatch(port)
    if usb is None:
        path = Path(check_port(port))
        if not path.exists():
            raise PortMissing(port, f"is not plugged in{_present(roots)}")
        return path.resolve()
    vid, pid, serial = usb[1].lower(), usb[2].lower(), usb[3]
    fitting = [
        roots.dev / tty
        for tty, (v, p, s, _) in usb_ports(roots).items()
        if (v, p) == (vid, pid) and serial in {None, s}
    ]
    if not fitting:
        raise PortMissing(port, f"is not plugged in{_present(roots)}")
    if len(fitting) > 1:
        both = ", ".join(map(str, fitting))
        raise PortDenied(port, f"fits {both}: add the serial number, or use /dev/serial/by-path/…")
    return fitting[0]


def usb_ports(roots: Roots) -> dict[str, tuple[str, str, str, str]]:
    """Return VID, PID, serial number and product of each USB serial port, by its name in /dev."""
    found = {}
    for tty in sorted((roots.sys / "class" / "tty").glob("tty*")):
        place = (tty / "device").resolve()
        for folder in (place, *place.parents[:4]):
            vid = _line(folder / "idVendor")
            if vid:
                rest = (_line(folder / name) for name in ("idProduct", "serial", "product"))
                pid, serial, product = rest
                found[tty.name] = (vid.lower(), pid.lower(), serial, product)
                break
    return found


def list_ports(roots: Roots) -> list[Found]:
    """Return this machine's serial ports, each with the names that stay."""
    links: dict[Path, list[str]] = {}
    for kind in ("by-id", "by-path"):
        for link in sorted((roots.dev / "serial" / kind).glob("*")):
            links.setdefault(link.resolve(), []).append(str(link))
    ports = []
    usb = usb_ports(roots)
    plain = {p.name for p in roots.dev.glob("ttyAMA*")} | {
        p.name for p in roots.dev.glob("serial[0-9]")
    }
    for tty in sorted(set(usb) | plain):
        device = (roots.dev / tty).resolve()
        vid, pid, serial, product = usb.get(tty, ("", "", "", ""))
        own = [f"usb:{vid}:{pid}:{serial}"] if serial else []
        names = (*links.get(device, ()), *own, str(roots.dev / tty))
        ports.append(Found(device, names, product))
    return ports


def _present(roots: Roots) -> str:
    names = [found.names[0] for found in list_ports(roots)]
    return f"; here are {', '.join(names[:8])}" if names else "; no serial port is"


def _line(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()[:128]
    except OSError:
        return ""
