"""What every test run has: programs looked for before a test needs them, and no network but this machine.

`@pytest.mark.needs("chromium", "mosquitto")` skips with the reason where a program is missing; with
CI=true it fails instead, since there nothing may be left out.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

PROGRAMS: dict[str, tuple[str, ...]] = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "mosquitto": ("mosquitto", "/usr/sbin/mosquitto"),
    "mosquitto-clients": ("mosquitto_pub",),
    "victoria-metrics": ("victoria-metrics", "victoria-metrics-prod"),
    "postgresql": ("initdb", "/usr/lib/postgresql/*/bin/initdb"),
    "gcc": ("gcc", "cc"),
    "g++": ("g++", "c++"),
    "make": ("make",),
    "gcc-avr": ("avr-gcc",),
    "qemu-system-misc": ("qemu-system-avr",),
    "git": ("git",),
    "systemd": ("systemd-analyze",),
    "avrdude": ("avrdude",),
    "libsimavr-dev": ("/usr/include/simavr/sim_avr.h",),
    "arduino-core-avr": (
        "/usr/share/arduino/hardware/arduino/avr/bootloaders/optiboot/optiboot_atmega328.hex",
    ),
    "microsocks": ("microsocks",),
    "tinyproxy-bin": ("tinyproxy",),
    "openssl": ("openssl",),
}
"""Name of Debian's package → where its program may be; .ci/setup installs these."""

SLOW_FILES = {
    "anomaly/test_any_csv.py",
    "anomaly/test_failure_and_shelf.py",
    "anomaly/test_kernel_reference.py",
    "anomaly/test_life.py",
    "anomaly/test_peers.py",
    "device_agent/bridge/test_firmware_updates.py",
    "device_agent/sensors/test_outside.py",
    "device_agent/sensors/test_rubbish.py",
    "device_agent/wire/test_messages.py",
    "device_agent/wire/test_senml_properties.py",
    "firmware_bridge/firmware/test_c_library.py",
    "firmware_bridge/flash/test_program.py",
    "firmware_bridge/protocols/test_protocol_contract.py",
    "firmware_bridge/transport/test_driver.py",
    "house/test_arrows.py",
    "server/app/test_backup_parts.py",
    "server/cli/test_commands.py",
    "server/cli/test_device_import.py",
    "server/cli/test_tune_commands.py",
    "server/demo/test_fleet_run.py",
    "server/incident/test_cases_open_and_end.py",
    "server/pages/test_access.py",
    "server/pages/test_forms.py",
    "server/pages/test_frame.py",
    "server/records/test_migrations.py",
    "server/replay/test_csv_table.py",
    "server/telemetry/test_influxdb.py",
}
"""Files whose many small tests take seconds together: left out of `make check` like those marked slow."""

KEPT_VARIABLES = {"FOREWARN_NATS_SERVER", "FOREWARN_WITHOUT_WEB"}

# Time limits on examples measure the machine, not the code; in CI the same examples every run.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def program(package: str) -> Path | None:
    """The program of one of `PROGRAMS`, or None where it is not installed."""
    for candidate in PROGRAMS[package]:
        if "*" in candidate:
            found = sorted(Path("/").glob(candidate.lstrip("/")))
            if found:
                return found[-1]
        elif path := shutil.which(candidate):
            return Path(path)
        elif candidate.startswith("/") and Path(candidate).is_file():
            return Path(candidate)  # a library's header, a file of data
    return None


def _require(package: str) -> Path:
    path = program(package)
    if path is not None:
        return path
    reason = f"{package} is not installed (.ci/setup installs it where it may)"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_configure(config: pytest.Config) -> None:
    for name in [n for n in os.environ if n.startswith("FOREWARN_")]:
        # A developer's own settings must not reach the tests; what says how to run them may.
        if not name.startswith("FOREWARN_TEST_") and name not in KEPT_VARIABLES:
            del os.environ[name]
    config.addinivalue_line(
        "markers", "needs(*packages): system programs that the test runs, by Debian's package name"
    )


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no worker waits for the other at the end; browsers last.

    Playwright keeps an event loop running in its thread until the session ends, and next to it no test
    of asyncio can run in the same worker.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix() in SLOW_FILES:
            item.add_marker(pytest.mark.slow)
    of_browsers = {item.path for item in items if item.get_closest_marker("browser")}
    for item in items:
        if item.path in of_browsers and not item.get_closest_marker("browser"):
            raise pytest.UsageError(f"{item.nodeid}: tests with a browser want a file of their own")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    from_outside = item.get_closest_marker("e2e") is not None
    if item.get_closest_marker("browser"):
        return 2 if from_outside else 3
    return 0 if from_outside else 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for package in mark.args:
            _require(package)
    if item.get_closest_marker("browser"):
        _require("chromium")
    if item.get_closest_marker("data") and not SHARED_DATA.is_dir():
        pytest.skip("the telemetry sets are not beside this checkout (../shared/data)")


@pytest.fixture(scope="session")
def needs() -> Callable[[str], Path]:
    """`needs("postgresql")` inside a fixture: the program's path, or the test is skipped (CI: failed)."""
    return _require


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """`tell("figure")`: shown at the end of the run, whichever worker it was measured in."""
    return lambda text: request.node.user_properties.append(("told", text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = [
        text
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for name, text in report.user_properties
        if name == "told"
    ]
    if told:
        terminalreporter.section("figures")
        for text in told:
            terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real telemetry beside the checkout; tests that ask for it carry the mark `data`."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the telemetry sets are not beside this checkout (../shared/data)")
    return SHARED_DATA


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if not isinstance(address, tuple) or address[0] == "localhost":
        return
    try:
        local = ipaddress.ip_address(str(address[0]).split("%")[0]).is_loopback
    except ValueError:
        local = False
    if not local:
        raise PermissionError(f"a test tried to reach {address[0]}; tests stay on this machine")


sys.addaudithook(_refuse_network)
