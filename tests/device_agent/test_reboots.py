"""A restart of the machine is told once, dated when the kernel started."""

from device_agent.reboots import reboot_event


def test_a_reboot_is_told_once(tmp_path):
    boot_id = tmp_path / "kernel_boot_id"
    boot_id.write_text("one\n")
    assert reboot_event(tmp_path, 1.7e9, boot_id) is None
    assert reboot_event(tmp_path, 1.7e9, boot_id) is None
    boot_id.write_text("two\n")
    event = reboot_event(tmp_path, 1.7e9, boot_id)
    assert (event.kind, event.time_s < 1.7e9) == ("reboot", True)
    assert reboot_event(tmp_path, 1.7e9, boot_id) is None


def test_a_machine_that_does_not_tell_is_left_alone(tmp_path):
    assert reboot_event(tmp_path, 1.7e9, tmp_path / "none") is None
    assert reboot_event(tmp_path / "missing", 1.7e9) is None
