"""Many devices at once: all of a table or none of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from server.cli.program import app
from server.device import service as devices
from server.device.credentials import DeviceAuthenticator
from server.kit.database import Database

HEADER = "device_id,name,model,site\n"


def run_import(data_dir: Path, table: str) -> Result:
    return CliRunner().invoke(
        app, ["device", "import", "-", "--data-dir", str(data_dir)], input=table
    )


def imported(data_dir: Path, table: str) -> tuple[int, str]:
    done = run_import(data_dir, table)
    return done.exit_code, done.output


def test_each_row_is_a_device_that_may_connect(tmp_path: Path) -> None:
    done = run_import(tmp_path, HEADER + "d-1,First,X1,Roof\nd-2,,,\n")
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["device_id"] for row in rows] == ["d-1", "d-2"]
    records = Database.at(tmp_path / "records.sqlite3")
    gate = DeviceAuthenticator(records)
    assert all(gate.check(row["username"], row["password"], "c") is not None for row in rows)
    records.close()


def test_foreign_devices_come_with_their_topics_and_gateways(tmp_path: Path) -> None:
    table = "device_id,topics,via\nhub,zigbee2mqtt/# tele/hub/#,\nwindow,,hub\n"
    done = run_import(tmp_path, table)
    assert done.exit_code == 0, done.output
    records = Database.at(tmp_path / "records.sqlite3")
    with records.reading() as session:
        rights = devices.foreign_topics(session, {"hub", "window"})
    records.close()
    assert rights == dict.fromkeys(("hub", "window"), ("tele/hub/#", "zigbee2mqtt/#"))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("id,name\nx,y\n", "header: must name device_id"),
        (HEADER + "ok,,,\nnot ok,,,\n", "line 3: device_id: must be 1 to 64"),
        (HEADER + "ok,,,\nok,,,\n", "line 3: there is already a device ok"),
        (HEADER + "ok,,,,,\n", "line 2: row: has more fields"),
        ("device_id,owner\nok,nobody@example.org\n", "line 2"),
        ("device_id,topics\nok,devices/x/#\n", "line 2: topics"),
        ("device_id,via\nok,nobody\n", "line 2"),
        ("", "header"),
    ],
)
def test_nothing_is_added_when_a_row_is_wrong(tmp_path: Path, table: str, said: str) -> None:
    code, printed = imported(tmp_path, table)
    assert (code, said in printed) == (2, True), printed
    assert imported(tmp_path, "device_id\nok\n")[0] == 0
