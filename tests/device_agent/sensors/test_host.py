"""What a machine tells about itself, from trees of /proc and /sys."""

import os
import stat
import sys
from pathlib import Path

import pytest

from device_agent.boot_reason import boot_reason
from device_agent.sensor_settings import (
    DiskSettings,
    NetworkSettings,
    ProcessSettings,
    SerialPortSettings,
    SlowSettings,
    SourceSettings,
)
from device_agent.sensors.host import (
    clock,
    cpu,
    disk,
    disk_io,
    memory,
    network,
    process,
    serial_port,
    units,
    uptime,
    wear,
    wifi,
)

ANY = SourceSettings()
SLOW = SlowSettings()


def test_load_covers_the_time_between_two_readings(pi):
    sources = cpu.sources(ANY, pi.around)
    assert pi.values(sources) == {"cpu/queue_per_core": 0.13}
    pi.clock.s += 1
    text = pi.path("/proc/stat").read_text()
    pi.write(
        "/proc/stat",
        text.replace("126513 217 40211 9251123 10322", "126563 217 40211 9251213 10382"),
    )
    assert pi.values(sources) == {
        "cpu/load_share": 0.25,
        "cpu/waiting_share": 0.3,
        "cpu/queue_per_core": 0.13,
    }


def test_memory_and_swap(pi, gateway):
    sources = memory.sources(ANY, gateway.around)
    gateway.clock.s += 1
    assert gateway.values(sources) == {
        "memory/used_share": 0.75,
        "memory/available": 2_000_000 * 1024.0,
    }


def test_swap_and_killed_programs_where_there_are_any(pi):
    sources = memory.sources(ANY, pi.around)
    pi.clock.s += 10
    pi.write("/proc/vmstat", "pswpin 130\npswpout 490\noom_kill 3\n")
    found = pi.values(sources)
    assert (found["swap/used_share"], found["swap/pages"], found["memory/oom_kills"]) == (
        0.5,
        2,
        0.1,
    )


def test_a_file_system_turned_read_only_shows(pi, tmp_path):
    settings = DiskSettings(paths=("/", "/boot", "/media/usb stick"))
    for path in settings.paths:
        pi.path(path).mkdir(parents=True, exist_ok=True)
    sources = disk.sources(settings, pi.around)
    found = pi.values(sources)
    read_only = {name: value for name, value in found.items() if name.endswith("read_only")}
    assert read_only == {
        "disk/root/read_only": False,
        "disk/boot/read_only": True,
        "disk/media-usb-stick/read_only": False,
    }
    assert 0 <= found["disk/root/used_share"] <= 1
    mounts = pi.path("/proc/self/mounts").read_text().replace("ext4 rw,noatime", "ext4 ro,noatime")
    pi.write("/proc/self/mounts", mounts)
    assert pi.values(sources)["disk/root/read_only"] is True


def test_the_mount_on_top_counts_and_no_mount_is_a_fault(gateway):
    sources = disk.sources(DiskSettings(paths=("/data",)), gateway.around)
    gateway.path("/data").mkdir()
    assert gateway.values(sources)["disk/data/read_only"] is True
    gateway.write("/proc/self/mounts", "")
    assert gateway.faults(sources).keys() == {"disk/data/read_only"}


def test_traffic_of_whole_disks(gateway):
    sources = disk_io.sources(ANY, gateway.around)
    assert [source.key for source in sources] == ["io/nvme0n1", "io/sda"]
    gateway.clock.s += 2
    table = gateway.path("/proc/diskstats").read_text()
    gateway.write(
        "/proc/diskstats",
        table.replace(
            "sda 100 0 2000 1000 200 0 4000 3000 0 500",
            "sda 101 0 2004 1010 201 0 4008 3020 0 1500",
        ),
    )
    found = gateway.values(sources)
    assert {n: v for n, v in found.items() if "sda" in n} == {
        "io/sda/read": 4 * 512 * 8 / 2,
        "io/sda/written": 8 * 512 * 8 / 2,
        "io/sda/busy_share": 0.5,
        "io/sda/wait": 0.015,
    }
    assert "io/nvme0n1/wait" not in found
    gateway.write("/proc/diskstats", "")
    assert "no disk sda" in gateway.faults(sources)["io/sda/read"]


def test_wear_of_emmc(pi):
    sources = wear.sources(SLOW, pi.around)
    pi.clock.s += 1
    found = pi.values(sources[:1])
    assert found == {"wear/mmcblk0/used_share": 0.3, "wear/mmcblk0/reserve_low": False}
    pi.write("/sys/block/mmcblk0/device/life_time", "0x0b 0x01")
    pi.write("/sys/block/mmcblk0/device/pre_eol_info", "0x02")
    assert pi.values(sources[:1]) == {
        "wear/mmcblk0/used_share": 1.1,
        "wear/mmcblk0/reserve_low": True,
    }
    pi.write("/sys/block/mmcblk0/device/life_time", "0x00 0x00")
    assert "does not say" in pi.faults(sources[:1])["wear/mmcblk0/used_share"]


def test_failed_requests_and_broken_file_systems_are_rates(gateway):
    sources = wear.sources(SLOW, gateway.around)
    assert gateway.values(sources) == {}
    gateway.clock.s += 10
    gateway.write("/sys/block/sda/device/ioerr_cnt", "0x29")
    assert gateway.values(sources) == {"wear/sda/errors": 1.0, "wear/ext4-sda1/errors": 0.0}


def test_links(pi):
    sources = network.sources(NetworkSettings(), pi.around)
    assert [source.key for source in sources] == ["network/eth0", "network/wlan0"]
    pi.clock.s += 2
    pi.write("/sys/class/net/eth0/statistics/rx_bytes", "3000")
    pi.write("/sys/class/net/eth0/statistics/tx_errors", "10")
    assert pi.values(sources[:1]) == {
        "network/eth0/received": 8000.0,
        "network/eth0/sent": 0.0,
        "network/eth0/faults": 5.0,
        "network/eth0/up": True,
        "network/eth0/speed": 1e9,
    }
    assert pi.values(sources[1:])["network/wlan0/up"] is False
    assert len(pi.faults(network.sources(NetworkSettings(interfaces=("gone",)), pi.around))) == 5


def test_wifi(pi, tmp_path):
    sources = wifi.sources(ANY, pi.around)
    assert pi.values(sources) == {"wifi/wlan0/signal": -61.0, "wifi/wlan0/link_share": 0.7}
    pi.clock.s += 4
    table = pi.path("/proc/net/wireless").read_text()
    pi.write("/proc/net/wireless", table.replace("-61.", "190.").replace("     12 ", "     14 "))
    found = pi.values(sources)
    assert (found["wifi/wlan0/signal"], found["wifi/wlan0/lost"]) == (-66.0, 0.5)
    pi.write("/proc/net/wireless", "a\nb\n")
    assert "not connected" in pi.faults(sources)["wifi/wlan0/signal"]


def test_the_kernel_tells_how_far_off_its_clock_is():
    state = clock.adjtimex()
    assert abs(state.offset_s) < 3600
    assert 0 <= state.bound_s < 1e5
    source = clock.source(1.0, lambda: clock.ClockState(-0.25, 0.5, is_synchronised=False))
    assert [d.value_fn(source.read()) for d in source.descriptions] == [-0.25, 0.5, False]


def test_uptime_is_marked_as_a_counter(pi):
    sources = uptime.sources(SLOW, pi.around)
    assert pi.values(sources) == {"host/uptime": 94125.21}
    assert sources[0].descriptions[0].kind == "counter"


@pytest.fixture
def systemctl(tmp_path, monkeypatch, machine):
    """A program of that name, and a machine that systemd runs."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    machine.path("/run/systemd/system").mkdir(parents=True)

    def say(script):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    say("exit 0")
    return say


def test_failed_units_are_counted_and_named(machine, systemctl):
    sources = units.sources(SLOW, machine.around)
    assert machine.values(sources) == {"units/failed": 0, "units/failed_names": "none"}
    systemctl(
        "echo 'modem.service loaded failed failed Modem'; echo 'x.mount loaded failed failed X'"
    )
    assert machine.values(sources) == {
        "units/failed": 2,
        "units/failed_names": "modem.service x.mount",
    }
    systemctl("echo no bus >&2; exit 1")
    assert "no bus" in machine.faults(sources)["units/failed"]


def test_without_systemd_there_are_no_units(machine):
    assert units.sources(SLOW, machine.around) == []


def test_a_process_is_found_by_its_name(pi):
    (source,) = process.sources(ProcessSettings(name="broker", program="mosquitto"), pi.around)
    assert pi.values([source]) == {
        "process/broker/running": True,
        "process/broker/memory": 1741 * float(os.sysconf("SC_PAGE_SIZE")),
        "process/broker/age": 94125.2 - 9412.5,
    }
    pi.path("/proc/412/stat").unlink()
    assert pi.values([source]) == {"process/broker/running": False}


@pytest.mark.parametrize("program", ["nothere", "logger.py"])
def test_no_process_and_a_zombie_do_not_run(pi, program):
    pi.write("/proc/977/cmdline", "python3\0/opt/logger.py\0")
    assert pi.values(process.sources(ProcessSettings(name="x", program=program), pi.around)) == {
        "process/x/running": False
    }


def test_a_process_is_found_by_its_pid_file(pi, tmp_path):
    pid_file = tmp_path / "x.pid"
    sources = process.sources(ProcessSettings(name="x", pid_file=str(pid_file)), pi.around)
    assert pi.values(sources) == {"process/x/running": False}
    for text, running in (("412\n", True), ("413", False), ("", False)):
        pid_file.write_text(text)
        assert pi.values(sources)["process/x/running"] is running
    pid_file.write_text("rubbish")
    assert "ValueError" in pi.faults(sources)["process/x/running"]


def test_this_very_process_is_found(machine):
    name = Path(sys.executable).name
    around = type(machine.around)(machine.root / "/", machine.clock, machine.around.now)
    assert machine.values(process.sources(ProcessSettings(name="me", program=name), around))[
        "process/me/running"
    ]


@pytest.mark.parametrize("port", ["/dev/ttyUSB0", "/dev/serial/by-id/usb-FTDI"])
def test_the_device_behind_a_serial_port_is_told(pi, port):
    right = SerialPortSettings(name="m", port=port, vendor="0403", serial="A50285BI")
    assert pi.values(serial_port.sources(right, pi.around)) == {
        "serial/m/present": True,
        "serial/m/right_device": True,
        "serial/m/identity": "0403:6001 A50285BI FT232R USB UART",
    }
    other = SerialPortSettings(name="m", port=port, product="6015")
    assert pi.values(serial_port.sources(other, pi.around))["serial/m/right_device"] is False


def test_a_port_that_is_gone_or_not_on_usb(pi):
    pi.write("/dev/ttyS0", "")
    found = {}
    for port in ("/dev/ttyS0", "/dev/ttyUSB7"):
        found[port] = pi.values(
            serial_port.sources(SerialPortSettings(name="m", port=port, vendor="0403"), pi.around)
        )
    assert found["/dev/ttyS0"]["serial/m/right_device"] is False
    assert found["/dev/ttyUSB7"] == {"serial/m/present": False, "serial/m/identity": "absent"}


def test_why_the_machine_started(pi):
    assert boot_reason(pi.root, left_cleanly=True) == "asked to"
    assert boot_reason(pi.root, left_cleanly=False) == "power lost or reset"
    pi.write("/sys/class/watchdog/watchdog0/bootstatus", "32")
    assert boot_reason(pi.root, left_cleanly=True) == "watchdog"
    pi.write("/sys/class/watchdog/watchdog0/bootstatus", "rubbish")
    assert boot_reason(pi.root, left_cleanly=True) == "asked to"


def test_a_saved_crash_is_a_reason(gateway):
    assert boot_reason(gateway.root, left_cleanly=False) == "kernel crash"
