"""From a microcontroller's pins to a ticket: real firmware in an emulator, the agent's bridge, the server, and back by command."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.e2e.product import BIN, Product, all_items, environment, wait_until
from tests.firmware_bridge.firmware.emulator import Emulator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.needs("gcc-avr", "qemu-system-misc", "make"),
]

OWNER = "fiona@example.org"
STAFF = "stan@example.org"
DEVICE = "press-1"
TEMPERATURE = "mcu/temperature"
WILD_SENSOR = 6

CONFIG = """\
device_id = "{device}"
[broker]
host = "{host}"
port = {port}
password = "{password}"
[spool]
directory = "{folder}/spool"
[packs]
max_age_s = 0.1
[[serial]]
name = "mcu"
port = "{serial}"
commands = ["fault", "rate"]
[commands]
allow = ["bridge"]
"""


@pytest.fixture
def uno(needs: Callable[[str], Path], tmp_path: Path) -> Iterator[Emulator]:
    """The example firmware on an emulated Arduino Uno, running."""
    firmware = ROOT / "firmware_bridge" / "firmware"
    subprocess.run(
        [needs("make"), "-C", firmware, f"OUT={tmp_path}", "emulated"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with Emulator(tmp_path / "emulated.elf") as emulator:
        emulator.run()
        yield emulator


@contextmanager
def agent(product: Product, serial: str, folder: Path) -> Iterator[Path]:
    """`forewarn-agent run` with a microcontroller on its serial line; its log."""
    config, written = folder / "agent.toml", folder / "agent.log"
    config.write_text(
        CONFIG.format(
            device=DEVICE,
            host=product.mqtt_host,
            port=product.mqtt_port,
            password=product.add_device(DEVICE, owner=OWNER),
            folder=folder,
            serial=serial,
        ),
        "utf-8",
    )
    command = [str(BIN / "forewarn-agent"), "run", "--config", str(config)]
    with written.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment()
        )
    try:
        yield written
    finally:
        process.terminate()
        ended = process.wait(30)
    assert ended == 0, written.read_text("utf-8")


def command(api: httpx.Client, name: str, *arguments: int) -> dict[str, Any]:
    """Asked of the microcontroller by the server; its end."""
    path = f"/api/v1/devices/{DEVICE}/commands"
    args = {"name": "mcu", "command": name, "arguments": " ".join(map(str, arguments))}
    asked = api.post(path, json={"name": "bridge", "args": args})
    assert asked.status_code == 201, asked.text

    def ended() -> dict[str, Any] | None:
        now: dict[str, Any] = api.get(f"{path}/{asked.json()['id']}").json()
        return now if now["status"] in {"done", "failed", "refused", "expired"} else None

    return wait_until(ended, f"the end of {name}") or {}


def test_fault_in_the_firmware_becomes_a_ticket(
    product: Product, uno: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    product.add_user(OWNER, "owner")
    product.add_user(STAFF, "staff")
    with (
        product.api(product.token(OWNER)) as owner,
        product.api(product.token(STAFF)) as staff,
        agent(product, uno.port, tmp_path) as log,
    ):
        try:
            wait_until(
                lambda: TEMPERATURE in owner.get(f"/api/v1/devices/{DEVICE}").text,
                "the first reading of the microcontroller",
            )
            assert command(staff, "rate", 0, 200)["status"] == "done"
            assert command(staff, "relay", 1)["status"] == "refused", "not on the list"
            assert all_items(owner, "/api/v1/tickets") == []
            done = command(staff, "fault", WILD_SENSOR)
            assert (done["status"], done["output"]["value"]) == ("done", WILD_SENSOR)
            began_s = time.monotonic()
            tickets = wait_until(lambda: all_items(owner, "/api/v1/tickets"), "the ticket")
            took_s = time.monotonic() - began_s
            [ticket] = tickets
            assert ticket["device_id"] == DEVICE
            assert "temperature" in str(owner.get(f"/api/v1/tickets/{ticket['id']}").json())
        except AssertionError:
            with capsys.disabled():
                print(log.read_text("utf-8", errors="replace")[-3000:])
            raise
    with capsys.disabled():
        print(f"\nfault switched on by a command to ticket: {took_s:.2f} s, readings 0.2 s apart")
