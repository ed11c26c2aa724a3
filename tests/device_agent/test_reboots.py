"""A restart of the machine is told once, dated when the kernel started, with the reason if known."""

import pytest

from device_agent.reboots import note_leaving, reboot_event

BOOT_ID = "proc/sys/kernel/random/boot_id"


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "root"
    (made / BOOT_ID).parent.mkdir(parents=True)
    (made / BOOT_ID).write_text("one\n")
    (made / "proc/uptime").write_text("100.5 200.0\n")
    return made


def test_a_reboot_is_told_once(root, tmp_path):
    assert reboot_event(tmp_path, 1.7e9, root) is None
    assert reboot_event(tmp_path, 1.7e9, root) is None
    (root / BOOT_ID).write_text("two\n")
    event = reboot_event(tmp_path, 1.7e9, root)
    assert (event.kind, event.time_s) == ("reboot", 1.7e9 - 100.5)
    assert event.detail["reason"] == "power lost or reset"
    assert reboot_event(tmp_path, 1.7e9, root) is None


def test_a_reboot_after_leaving_was_asked_for(root, tmp_path):
    reboot_event(tmp_path, 1.7e9, root)
    note_leaving(tmp_path)
    (root / BOOT_ID).write_text("two\n")
    assert reboot_event(tmp_path, 1.7e9, root).detail["reason"] == "asked to"
    (root / BOOT_ID).write_text("three\n")
    assert reboot_event(tmp_path, 1.7e9, root).detail["reason"] == "power lost or reset"


def test_a_restart_of_the_agent_alone_takes_the_note_back(root, tmp_path):
    reboot_event(tmp_path, 1.7e9, root)
    note_leaving(tmp_path)
    assert reboot_event(tmp_path, 1.7e9, root) is None
    (root / BOOT_ID).write_text("two\n")
    assert reboot_event(tmp_path, 1.7e9, root).detail["reason"] == "power lost or reset"


def test_a_machine_that_does_not_tell_is_left_alone(root, tmp_path):
    (root / BOOT_ID).unlink()
    assert reboot_event(tmp_path, 1.7e9, root) is None
    assert reboot_event(tmp_path / "missing", 1.7e9) is None
    note_leaving(tmp_path / "missing")
