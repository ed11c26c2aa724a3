"""`forewarn up` as a process, and replays into it: credentials, deliveries, ways to fail."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

HANG_S = 120


class Server:
    """`forewarn up` on free ports."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("FOREWARN_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "up", "--data-dir", str(data_dir),
             "--http-port", "0", "--mqtt-port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "server.cli", *arguments, "--data-dir", str(self.data_dir)],
            capture_output=True, text=True, timeout=HANG_S, env=self.environment, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server") / "data")
    yield running
    running.process.terminate()
    with running.process:
        running.process.wait(HANG_S)


@pytest.fixture
def csv_of(tmp_path: Path):
    def write(rows: int) -> str:
        begin_s = int(time.time()) - rows
        file = tmp_path / "rows.csv"
        file.write_text("time,v\n" + "".join(f"{begin_s + k},{k % 9}\n" for k in range(rows)))
        return str(file)

    return write


def test_the_ready_line_is_as_promised(server: Server) -> None:
    assert re.fullmatch(
        r"ready http=http://127\.0\.0\.1:\d+ mqtt=mqtt://127\.0\.0\.1:\d+\n", server.ready
    )


def test_a_new_device_is_added_and_an_old_one_gets_temporary_credentials(
    server: Server, csv_of
) -> None:
    file = csv_of(5000)
    for expected in ("added the device fresh", ""):
        done = server.run("replay", file, "--device", "fresh")
        assert done.returncode == 0, done.stderr
        assert expected in done.stderr
        report = json.loads(done.stdout)
        assert set(report) == {"device", "rows", "samples", "packs", "seconds"}
        assert (report["device"], report["rows"], report["samples"]) == ("fresh", 5000, 5000)
    assert "fresh" in server.run("device", "list").stdout


def test_the_devices_own_password_opens_and_another_does_not(server: Server, csv_of) -> None:
    added = json.loads(server.run("device", "add", "own").stdout)
    assert added["mqtt"] in server.ready
    file = csv_of(10)
    good = server.run("replay", file, "--device", "own", "--password", added["password"])
    assert good.returncode == 0, good.stderr
    bad = server.run("replay", file, "--device", "own", "--password", "guess")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "wrong password" in bad.stderr


def test_a_second_server_on_the_same_directory_is_refused(server: Server) -> None:
    done = server.run("up", "--http-port", "0", "--mqtt-port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "another Forewarn server" in done.stderr


def test_doctor_sees_the_running_server(server: Server) -> None:
    done = server.run("doctor")
    assert "a server runs on http://127.0.0.1:" in done.stdout
    assert "in use by the running server" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told(tmp_path: Path, number: signal.Signals) -> None:
    server = Server(tmp_path / "data")
    with server.process:
        server.process.send_signal(number)
        assert server.process.wait(HANG_S) == 0
    assert not (tmp_path / "data" / "server.json").exists()
