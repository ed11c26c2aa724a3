"""Names of ports: links, USB numbers in a made-up sysfs, what is said when nothing fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge import PortDenied, PortMissing, Roots, SettingsError, list_ports
from firmware_bridge.transport.identity import check_port, resolve


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    """Two adapters of one kind, one of another, as Linux shows them."""
    dev, sysfs = tmp_path / "dev", tmp_path / "sys"
    (dev / "serial" / "by-id").mkdir(parents=True)
    for index, (vid, pid, serial, product) in enumerate(
        [
            ("2341", "0043", "AB12", "Uno"),
            ("2341", "0043", "CD34", "Uno"),
            ("10c4", "ea60", "", "CP2102"),
        ]
    ):
        tty = f"ttyUSB{index}"
        (dev / tty).touch()
        usb = sysfs / "devices" / f"usb{index}"
        (usb / "interface" / tty).mkdir(parents=True)
        for name, text in [
            ("idVendor", vid),
            ("idProduct", pid),
            ("serial", serial),
            ("product", product),
        ]:
            if text:
                (usb / name).write_text(text + "\n")
        (sysfs / "class" / "tty" / tty).mkdir(parents=True)
        (sysfs / "class" / "tty" / tty / "device").symlink_to(usb / "interface" / tty)
    (sysfs / "class" / "tty" / "tty0").mkdir()
    (dev / "serial" / "by-id" / "usb-Arduino_AB12-if00").symlink_to(dev / "ttyUSB0")
    return Roots(dev, sysfs)


def test_by_serial_number(roots: Roots) -> None:
    assert resolve("usb:2341:0043:CD34", roots) == roots.dev / "ttyUSB1"
    assert resolve("usb:10C4:EA60", roots) == roots.dev / "ttyUSB2"


def test_two_of_a_kind_are_not_guessed(roots: Roots) -> None:
    with pytest.raises(PortDenied, match=r"ttyUSB0.*ttyUSB1"):
        resolve("usb:2341:0043", roots)


def test_link_is_followed_wherever_it_leads(roots: Roots) -> None:
    link = roots.dev / "serial" / "by-id" / "usb-Arduino_AB12-if00"
    assert resolve(str(link), roots) == roots.dev / "ttyUSB0"
    link.unlink()
    link.symlink_to(roots.dev / "ttyUSB1")
    assert resolve(str(link), roots) == roots.dev / "ttyUSB1"


@pytest.mark.parametrize("port", ["usb:2341:0043:ZZ", "usb:ffff:0001", "/dev/serial/by-id/none"])
def test_missing_port_says_what_is_there(roots: Roots, port: str) -> None:
    with pytest.raises(PortMissing, match="by-id/usb-Arduino_AB12-if00"):
        resolve(port, roots)


def test_missing_port_where_none_is(tmp_path: Path) -> None:
    with pytest.raises(PortMissing, match="no serial port is"):
        resolve("usb:2341:0043", Roots(tmp_path, tmp_path))


def test_listing_gives_lasting_names_first(roots: Roots) -> None:
    first, second, third = list_ports(roots)
    assert first.names[0].endswith("by-id/usb-Arduino_AB12-if00")
    assert second.names[0] == "usb:2341:0043:CD34"
    assert third.names == (str(roots.dev / "ttyUSB2"),)
    assert third.product == "CP2102"


@pytest.mark.parametrize("port", ["COM3", "", "usb:12:34", "usb:2341:0043:", "ttyUSB0", "/a\0b"])
def test_other_names_are_refused(port: str) -> None:
    with pytest.raises(SettingsError, match="port"):
        check_port(port)
