"""Alive is told now and then; age counts only while the clock is steady; systemd's socket is spoken to."""

import socket

from device_agent.delivery_settings import SpoolSettings
from device_agent.spool import MemorySpool, SqliteSpool, open_spool
from device_agent.systemd import tell_systemd
from device_agent.upkeep import Upkeep

DAY_S = 86_400.0


class Clocks:
    def __init__(self):
        self.steady_s = 0.0
        self.offset_s = 1.7e9

    def now(self):
        return self.steady_s + self.offset_s

    def monotonic(self):
        return self.steady_s


def upkeep_of(clocks, spool, told):
    return Upkeep(spool, 7.0, tell=told.append, now=clocks.now, monotonic=clocks.monotonic)


def test_alive_is_told_every_ten_seconds():
    clocks, told = Clocks(), []
    upkeep = upkeep_of(clocks, MemorySpool(1000), told)
    for _ in range(100):
        upkeep.turn()
        clocks.steady_s += 1.0
    assert told == ["WATCHDOG=1"] * 10


def test_what_is_too_old_goes_unless_the_clock_has_just_jumped():
    clocks, spool = Clocks(), MemorySpool(10_000)
    upkeep = upkeep_of(clocks, spool, [])
    spool.put("telemetry", b"x", clocks.now())
    clocks.offset_s += 3650 * DAY_S
    clocks.steady_s += 3600
    upkeep.turn()
    assert spool.count() == 1, "a clock that is ten years ahead is no reason to lose anything"
    clocks.offset_s -= 3650 * DAY_S
    clocks.steady_s += 3600
    upkeep.turn()
    assert spool.count() == 1
    clocks.steady_s += 8 * DAY_S
    upkeep.turn()
    assert spool.count() == 0
    assert spool.dropped().count == 1


def test_systemd_hears_what_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing:
        hearing.bind(str(tmp_path / "notify"))
        assert tell_systemd("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert hearing.recv(100) == b"READY=1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing:
        name = f"forewarn-test-{tmp_path.name}"
        hearing.bind(f"\0{name}")
        assert tell_systemd("WATCHDOG=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert hearing.recv(100) == b"WATCHDOG=1"


def test_where_nobody_listens_nothing_happens(tmp_path):
    assert not tell_systemd("READY=1", {})
    assert not tell_systemd("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})


def test_what_is_young_lies_on_the_ram_disk_that_systemd_gives(tmp_path):
    ram = tmp_path / "ram"
    ram.mkdir()
    settings = SpoolSettings(directory=str(tmp_path / "disk"))
    spool, why_not = open_spool(
        settings, monotonic=lambda: 0.0, environment={"RUNTIME_DIRECTORY": str(ram)}
    )
    assert isinstance(spool, SqliteSpool)
    assert why_not == ""
    spool.put("telemetry", b"x", 1.0)
    assert (ram / "young.db").exists()
    assert spool._young_bytes > 0
    spool.close()


def test_a_disk_that_can_not_be_written_leaves_memory(tmp_path):
    (tmp_path / "file").write_text("")
    settings = SpoolSettings(directory=str(tmp_path / "file" / "spool"))
    spool, why_not = open_spool(settings, monotonic=lambda: 0.0, environment={})
    assert isinstance(spool, MemorySpool)
    assert "can't be used" in why_not
