"""What the package offers is a decision: this list changes only together with its users."""

from __future__ import annotations

import subprocess
import sys

import firmware_bridge

NAMES = {
    "BAUDS", "PROTOCOLS", "Announced", "BridgeError", "CommandEnded", "CommandRefused", "Driver", "DriverEvent",
    "Event", "Found", "Guess", "HostLink", "LinkDown", "LinkSettings", "LinkUp", "McuEvent", "McuReset",
    "MemoryLine", "MetricInfo", "Outcome", "PortBusy", "PortClosed", "PortDenied", "PortError", "PortGone",
    "PortMissing", "PortOpened", "Protocol", "Reading", "Readings", "Roots", "SettingsError", "Tally", "Transport",
    "Value", "build", "guess", "list_ports", "survey",
}  # fmt: skip


def test_public_names_are_these() -> None:
    assert set(firmware_bridge.__all__) == NAMES
    assert all(hasattr(firmware_bridge, name) for name in NAMES)


def test_errors_say_the_port_and_the_reason() -> None:
    error = firmware_bridge.PortBusy("/dev/ttyUSB0", "is held by minicom (process 7)")
    assert isinstance(error, OSError)
    assert str(error) == "/dev/ttyUSB0: is held by minicom (process 7)"


def test_import_needs_neither_pyserial_nor_the_extra() -> None:
    program = (
        "import sys\n"
        "for name in ('serial', 'pymodbus', 'cobs'): sys.modules[name] = None\n"
        "import firmware_bridge as fb\n"
        "print([r.value for r in fb.build('println', {'framing': 'cobs'}).receive(b'\\x0321\\0', 0.0)[-1]])\n"
        "try: fb.build('modbus', {'registers': [{'name': 'a', 'address': 0}]})\n"
        "except fb.SettingsError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "[21.0]",
        "protocol: modbus needs pymodbus: install the extra 'bridge'",
    ]
