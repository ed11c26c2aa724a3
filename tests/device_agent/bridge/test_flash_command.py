"""``forewarn-agent bridge flash``: what it says and how it ends, on a target in memory and with wrong input."""

import argparse
import hashlib

import pytest

from device_agent.bridge import updates
from device_agent.bridge.flash_command import flash
from device_agent.cli import main
from device_agent.config import parse_settings
from device_agent.errors import CommandError
from firmware_bridge import MemoryLine
from firmware_bridge.flash.memory import MemoryFlasher, MemoryTarget, memory_image
from firmware_bridge.flash.port import Rollback
from tests.device_agent.bridge.test_firmware_updates import NEW, OLD, Chip

CONFIG = """\
device_id = "d"
[spool]
directory = "{folder}"
[[serial]]
name = "mcu"
port = "/dev/ttyX"
[serial.flash]
method = "avrdude"
hardware = "memory-1"
prove_s = 4
"""


@pytest.fixture
def target(monkeypatch):
    made = MemoryTarget(rollback=Rollback.BACKUP, active=OLD)
    defaults = updates.FirmwareUpdates.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "make_flasher", lambda _: MemoryFlasher(made))
    return made


@pytest.fixture
def run(tmp_path, target):
    """`run("image", version="2.0")`: its exit status."""
    here, there = MemoryLine.pair()
    chip = Chip(there, target)
    settings = parse_settings(CONFIG.format(folder=tmp_path))
    (tmp_path / "new.hex").write_bytes(NEW)

    def act(image="new.hex", **given):
        arguments = argparse.Namespace(
            image=tmp_path / image if image else None,
            **{"name": "", "sha256": "", "version": "", "check": False, "resume": False, **given},
        )
        return flash(arguments, settings, lambda _: here)

    act.chip = chip
    yield act
    chip.stop()


def test_writes_and_says_so(run, target, capsys):
    assert run(version="2.0", sha256=hashlib.sha256(NEW).hexdigest()) == 0
    shown = capsys.readouterr()
    assert shown.out == "mcu: done\n"
    assert "writing: write the image" in shown.err
    assert target.active == NEW


def test_check_writes_nothing(run, target, capsys):
    assert run(check=True) == 0
    assert (
        f"memory-1; sha256 {hashlib.sha256(NEW).hexdigest()}; nothing was written"
        in capsys.readouterr().out
    )
    assert target.writes == 0


def test_exit_status_tells_that_it_does_not_run(run, target, capsys):
    assert run(version="7") == 1
    assert "reverted: proving: it says that it is 2.0, not 7" in capsys.readouterr().out
    assert target.active == OLD


def test_nothing_to_resume(run, capsys):
    assert run(image=None, resume=True) == 0
    assert "no update was cut off" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"image": None}, "give the IMAGE"),
        ({"image": "none"}, "can't be read"),
        ({"sha256": "0" * 64}, "not the image asked for"),
        ({"sha256": "0"}, "64 of"),
        ({"name": "other"}, "no .*other has a"),
    ],
)
def test_wrong_input_writes_nothing(run, target, given, said):
    with pytest.raises(CommandError, match=said):
        run(**given)
    assert target.writes == 0


def test_image_for_another_part(run, target, tmp_path):
    (tmp_path / "other").write_bytes(memory_image("memory-9", "2.0"))
    with pytest.raises(CommandError, match="is for memory-9"):
        run(image="other")
    assert target.writes == 0


def test_configuration_without_a_way_to_write(tmp_path, capsys):
    config = tmp_path / "agent.toml"
    config.write_text('device_id = "d"\n')
    assert main(["bridge", "flash", "--config", str(config), "x.hex"]) == 1
    assert "has a [serial.flash] with a method" in capsys.readouterr().err
    for extra, said in (
        ('[commands]\nallow=["flash"]\n', "flash needs a table"),
        ('[[serial]]\nname="m"\nport="/dev/x"\n[serial.flash]\nmethod="smp"\n', "line 5: [serial.flash] hardware"),
        ('[[serial]]\nname="m"\nport="/dev/x"\n[serial.flash]\nmethod="jtag"\n', "method: must be none or"),
        ('[[serial]]\nname="m"\nport="/dev/x"\n[serial.flash]\nimages="ftp://x"\n', "images"),
    ):  # fmt: skip
        config.write_text(f'device_id = "d"\n{extra}')
        assert main(["bridge", "flash", "--config", str(config), "x.hex"]) == 2
        assert said in capsys.readouterr().err
