"""New firmware from the server into a microcontroller: real Optiboot on an emulated Uno, real avrdude, the agent killed in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.product import BIN, Product, environment, wait_until
from tests.firmware_bridge.flash.conftest import UnoBoard, uno_board, uno_hex  # noqa: F401  (fixtures)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.needs("gcc", "gcc-avr", "make", "avrdude", "libsimavr-dev", "arduino-core-avr"),
]

OWNER = "fiona@example.org"
STAFF = "stan@example.org"
DEVICE = "press-9"

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
[commands]
allow = ["flash"]
[[serial]]
name = "mcu"
port = "{serial}"
[serial.flash]
method = "avrdude"
hardware = "atmega328p"
images = "{server}/api/v1/firmware"
"""


@pytest.fixture
def board(
    uno_board: Callable[[Path, bytes], UnoBoard],  # noqa: F811
    uno_hex: Callable[[str], bytes],  # noqa: F811
    tmp_path: Path,
) -> Iterator[UnoBoard]:
    made = uno_board(tmp_path, uno_hex("1.0.0"))
    yield made
    made.stop()


@contextmanager
def agent(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(BIN / "forewarn-agent"), "run", "--config", str(config)]
    with log.open("ab") as written:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, env=environment()
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def happened(api: httpx.Client) -> dict[str, dict[str, Any]]:
    """Facts of the firmware's entries in the device's timeline, by their code."""
    items = api.get(f"/api/v1/devices/{DEVICE}/timeline").json()["items"]
    return {item["code"]: item["facts"] for item in items if item["kind"] == "firmware"}


def test_update_from_the_server_outlives_the_agent(
    product: Product,
    board: UnoBoard,
    uno_hex: Callable[[str], bytes],  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    product.add_user(OWNER, "owner")
    product.add_user(STAFF, "staff")
    config, log = tmp_path / "agent.toml", tmp_path / "agent.log"
    password = product.add_device(DEVICE, owner=OWNER)
    config.write_text(
        CONFIG.format(
            device=DEVICE, host=product.mqtt_host, port=product.mqtt_port, password=password,
            folder=tmp_path, serial=board.port, server=product.http_url,
        ),
        "utf-8",
    )  # fmt: skip
    with product.api(product.token(STAFF)) as staff:
        try:
            kept = staff.post(
                "/api/v1/firmware",
                params={"name": "uno.hex", "version": "2.0.0", "hardware": "atmega328p"},
                content=uno_hex("2.0.0"),
            )
            assert kept.status_code == 201, kept.text
            (tmp_path / "uno.hex").write_bytes(uno_hex("2.0.0"))
            said = product.cli("firmware", "add", str(tmp_path / "uno.hex"))
            assert said.strip() == kept.json()["sha256"], "the same image again"
            assert json.loads(product.cli("firmware", "list"))["version"] == "2.0.0"
            args = {"name": "mcu", "sha256": kept.json()["sha256"], "version": "2.0.0"}
            path = f"/api/v1/devices/{DEVICE}/commands"
            with agent(config, log) as process:
                wait_until(
                    lambda: "mcu/temperature" in staff.get(f"/api/v1/devices/{DEVICE}").text,
                    "readings",
                )
                limits = {
                    row["metric"]: row["limits"]
                    for row in staff.get(f"/api/v1/devices/{DEVICE}").json()["latest"]
                }
                assert limits["mcu/supply_voltage"] == [4.5, 5.5]
                assert limits["mcu/vibration_rms"] == [None, 12.0]
                asked = staff.post(path, json={"name": "flash", "args": args})
                assert asked.status_code == 201, asked.text
                journal = tmp_path / "spool" / "firmware" / "mcu" / "update.json"
                wait_until(
                    lambda: journal.exists() and '"writing"' in journal.read_text("utf-8"),
                    "the flash being written",
                )
                process.send_signal(signal.SIGKILL)
                process.wait(30)
            with agent(config, log):
                done = wait_until(
                    lambda: happened(staff).get("firmware_update_done"), "the end", timeout_s=120
                )
                assert done is not None
                assert (done["before"], done["after"]) == ("1.0.0", "2.0.0")
                seen = happened(staff)
                assert seen["firmware_update_begun"]["sha256"] == args["sha256"]
                assert seen["firmware_update_resumed"]["step"] == "writing"
                answered = staff.get(f"{path}/{asked.json()['id']}").json()
                assert answered["status"] in {"sent", "failed"}, "cut off with the agent"
                # Firmware that says something else than it should does not stay.
                wrong = {**args, "version": "9.9.9"}
                again = staff.post(path, json={"name": "flash", "args": wrong}).json()

                def ended() -> dict[str, Any] | None:
                    now: dict[str, Any] = staff.get(f"{path}/{again['id']}").json()
                    return now if now["status"] in {"done", "failed", "refused"} else None

                answer = wait_until(ended, "the answer", timeout_s=120)
                assert answer is not None
                assert answer["status"] == "failed"
                assert "it says that it is 2.0.0, not 9.9.9" in answer["output"]["reason"]
                wait_until(lambda: "firmware_update_reverted" in happened(staff), "its event")
        except AssertionError:
            with capsys.disabled():
                print(log.read_text("utf-8", errors="replace")[-3000:])
            raise
