"""The wizard over a pseudo-terminal and over memory: what it prints is a configuration that works."""

import os
import threading
import tty
from pathlib import Path

import pytest

from device_agent.bridge.cli import show_ports, table_for
from device_agent.cli import main
from device_agent.config import load_settings
from firmware_bridge import Roots, guess


@pytest.fixture
def talking():
    """A pseudo-terminal on which a device prints pairs."""
    master, slave = os.openpty()
    tty.setraw(master)
    name = os.ttyname(slave)
    stopped = threading.Event()

    def talk():
        n = 0
        while not stopped.wait(0.02):
            os.write(master, b"temp=%d.5 hum=40%%\r\n" % (n % 30))
            n += 1

    thread = threading.Thread(target=talk)
    thread.start()
    os.close(slave)
    yield name
    stopped.set()
    thread.join(10)
    os.close(master)


def test_detects_and_writes_a_configuration_that_loads(talking, tmp_path, capsys):
    config = tmp_path / "agent.toml"
    config.write_text('device_id = "d"\n')
    status = main(
        [
            "bridge",
            "detect",
            "--port",
            talking,
            "--baud",
            "9600",
            "--seconds",
            "0.6",
            "--append",
            str(config),
        ]
    )
    out = capsys.readouterr().out
    assert status == 0
    assert "key_value at 9600 baud" in out
    assert "temp = " in out
    settings = load_settings(config).serial[0]
    assert (settings.port, settings.protocol, settings.baud) == (talking, "key_value", 9600)


def test_nothing_heard_says_what_to_look_at(capsys):
    master, slave = os.openpty()
    status = main(
        ["bridge", "detect", "--port", os.ttyname(slave), "--baud", "9600", "--seconds", "0.05"]
    )
    os.close(slave)
    os.close(master)
    assert status == 1
    assert "is it powered" in capsys.readouterr().err


def test_missing_port_is_said(capsys):
    assert main(["bridge", "detect", "--port", "/dev/serial/by-id/none", "--seconds", "0.05"]) == 1
    assert "is not plugged in" in capsys.readouterr().err


def test_every_guess_makes_a_table_that_loads(tmp_path):
    streams = [b"1;2\n" * 9, b'{"t": 1}\n' * 9, b"21.5\r\n" * 9]
    for stream in streams:
        best = guess({115200: stream})[0]
        config = tmp_path / "agent.toml"
        config.write_text('device_id = "d"\n' + table_for(best, "/dev/ttyX", "mcu"))
        assert load_settings(config).serial[0].protocol == best.protocol


def test_ports_are_listed(tmp_path, capsys):
    (tmp_path / "dev" / "serial" / "by-id").mkdir(parents=True)
    (tmp_path / "dev" / "ttyAMA0").touch()
    assert show_ports(Roots(tmp_path / "dev", tmp_path / "sys")) == 0
    assert "ttyAMA0" in capsys.readouterr().out
    show_ports(Roots(Path("/nowhere"), Path("/nowhere")))
    assert "no serial port" in capsys.readouterr().out
