"""Programs that write firmware: ended when they take too long or are not wanted any more, and told of when missing."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from firmware_bridge.errors import (
    FlasherMissing,
    FlashFailed,
    Interrupted,
    PortMissing,
    SettingsError,
)
from firmware_bridge.flash import catalogue, esptool
from firmware_bridge.flash.avrdude import AvrdudeFlasher
from firmware_bridge.flash.catalogue import build_flasher
from firmware_bridge.flash.program import run
from firmware_bridge.flash.settings import METHODS, FlashSettings

PORT = "/dev/serial/by-id/none"


def never() -> bool:
    return False


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_what_it_says_is_heard_as_it_comes() -> None:
    heard: list[str] = []
    done = run(
        python("import time\nfor n in range(3): print(n, flush=True); time.sleep(0.1)\nraise SystemExit(3)"),
        timeout_s=20,
        stop=never,
        heard=heard.append,
    )  # fmt: skip
    assert (done.status, done.said) == (3, "0\n1\n2\n")
    assert len(heard) > 1
    assert done.last_words() == "0 / 1 / 2"


def test_of_a_talkative_one_the_end_is_kept() -> None:
    done = run(python("print('x' * 500_000 + 'end')"), timeout_s=20, stop=never)
    assert done.status == 0
    assert done.said.endswith("end\n")
    assert len(done.said) <= 64 * 1024


@pytest.mark.parametrize("how", ["stop", "time", "error"])
def test_ended_with_all_that_it_started(how: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    text = f"import subprocess, sys; print('on', flush=True); subprocess.run([sys.executable, '-c', {child!r}])"

    def heard(_text: str) -> None:
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.01)
        if how == "error":
            raise ZeroDivisionError

    expected = {"stop": Interrupted, "time": FlashFailed, "error": ZeroDivisionError}[how]
    with pytest.raises(expected):
        run(
            python(text),
            timeout_s=2.0 if how == "time" else 60,
            stop=lambda: how == "stop" and pid_file.exists() and bool(pid_file.read_text()),
            heard=heard,
        )
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 20
    while _lives(pid):
        assert time.monotonic() < deadline, "its child lives on"
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_cannot_be_started(tmp_path: Path) -> None:
    program = tmp_path / "no-program"
    program.write_text("")
    with pytest.raises(FlashFailed, match="can't be started"):
        run([str(program)], timeout_s=5, stop=never)


def test_what_is_missing_is_told_with_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_name: str) -> None:
        return None

    monkeypatch.setattr(catalogue, "find_spec", nothing)
    monkeypatch.setattr(esptool, "find_spec", nothing)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FlasherMissing, match=r"forewarn\[flash\]"):
        build_flasher(FlashSettings("smp", PORT, "board"))
    with pytest.raises(FlasherMissing, match=r"forewarn\[flash\]"):
        build_flasher(FlashSettings("esptool", PORT, "esp32")).identify()
    with pytest.raises(FlasherMissing, match="Debian's package avrdude"):
        AvrdudeFlasher(FlashSettings("avrdude", PORT, "atmega328p")).identify()


@pytest.mark.parametrize("method", METHODS)
def test_port_that_is_not_there_is_waited_for_not_failed(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "avrdude").write_text("#!/bin/sh\n")
    (tmp_path / "avrdude").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(PortMissing, match="is not plugged in"):
        build_flasher(FlashSettings(method, PORT, "esp32")).identify()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "magic"}, "method"),
        ({"hardware": ""}, "hardware"),
        ({"hardware": "-F; rm"}, "hardware"),
        ({"port": "COM3"}, "port"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"address": 5}, "address"),
        ({"programmer": "a b"}, "programmer"),
    ],
)
def test_settings_say_what_is_wrong(changes: dict[str, object], field: str) -> None:
    good = {"method": "avrdude", "port": "/dev/ttyUSB0", "hardware": "atmega328p"}
    with pytest.raises(SettingsError) as caught:
        FlashSettings(**{**good, **changes})  # type: ignore[arg-type]
    assert caught.value.field == field
