"""The driver's thread: over a real pseudo-terminal with plug and unplug, and over memory with a hung chip."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from time import monotonic

import pytest

from firmware_bridge import (
    CommandEnded,
    Driver,
    HostLink,
    LinkDown,
    LinkSettings,
    LinkUp,
    McuReset,
    MemoryLine,
    Outcome,
    PortBusy,
    PortClosed,
    PortDenied,
    PortOpened,
    Readings,
    build,
)
from firmware_bridge.link.bodies import Metric
from firmware_bridge.link.mcu import Firmware, SimulatedMcu
from firmware_bridge.transport.serial_port import PortSettings, Rs485, SerialPort


class Ear:
    """Collects a driver's events."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.heard: list = []

    def of(self, kind: type) -> list:
        self.heard += self.driver.events()
        return [e for e in self.heard if isinstance(e, kind)]

    def values(self) -> list:
        return [r.value for e in self.of(Readings) for r in e]


@pytest.fixture
def start(request: pytest.FixtureRequest):
    def run(transport, protocol) -> Ear:
        driver = Driver(transport, protocol, retry_s=0.05)
        driver.start()
        request.addfinalizer(lambda: driver.stop() or pytest.fail("the thread hangs"))
        return Ear(driver)

    return run


def test_unplugged_and_plugged_again_it_goes_on(plug, start, wait) -> None:
    ear = start(SerialPort(PortSettings(str(plug.link))), build("println"))
    wait(lambda: ear.of(PortOpened), "opening")
    for round_trip in range(3):
        plug.write(b"%d\n half a li" % round_trip)
        wait(lambda n=round_trip: ear.values() == [float(i) for i in range(n + 1)], "reading")
        plug.unplug()
        wait(lambda n=round_trip: len(ear.of(PortClosed)) >= n + 1, "closing")
        plug.plug()
        wait(lambda n=round_trip: len(ear.of(PortOpened)) == n + 2, "opening again")


def test_commands_reach_the_port_without_waiting(plug, start, wait) -> None:
    ear = start(
        SerialPort(PortSettings(str(plug.link))),
        build("println", {"command_line": "{name} {args}"}),
    )
    wait(lambda: ear.of(PortOpened), "opening")
    ear.driver.command("k", "relay", [1])
    assert plug.read(8) == b"relay 1\n"
    wait(lambda: ear.of(CommandEnded), "the end of the command")
    assert ear.of(CommandEnded)[0].outcome is Outcome.DONE


def test_command_to_a_closed_port_is_refused(plug, start, wait) -> None:
    plug.unplug()
    ear = start(SerialPort(PortSettings(str(plug.link))), build("println"))
    wait(lambda: ear.of(PortClosed), "noticing")
    started = monotonic()
    ear.driver.command("k", "relay", [1])
    assert monotonic() - started < 5
    wait(lambda: ear.of(CommandEnded), "refusing")
    assert ear.of(CommandEnded)[0].outcome is Outcome.REFUSED
    assert len(ear.of(PortClosed)) == 1  # told once, though it tries on and on


def test_port_held_by_another_program_is_named_and_taken_when_free(plug, start, wait) -> None:
    program = (
        "import sys\n"
        "from firmware_bridge.transport.serial_port import PortSettings, SerialPort\n"
        f"port = SerialPort(PortSettings({str(plug.link)!r}))\n"
        "port.open(); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(PortBusy, match=rf"\(process {other.pid}\)"):
            SerialPort(PortSettings(str(plug.link))).open()
        ear = start(SerialPort(PortSettings(str(plug.link))), build("println"))
        wait(lambda: ear.of(PortClosed), "noticing the other")
        assert str(other.pid) in ear.of(PortClosed)[0].reason
        other.stdin.close()
        other.wait(20)
    wait(lambda: ear.of(PortOpened), "taking it over")


def test_two_ports_at_once_do_not_mix(tmp_path, start, wait, plug) -> None:
    here, there = MemoryLine.pair()
    there.open()
    one = start(SerialPort(PortSettings(str(plug.link))), build("println"))
    two = start(here, build("json"))
    wait(lambda: one.of(PortOpened) and two.of(PortOpened), "opening both")
    plug.write(b"1\n")
    there.write(b'{"t": 2}\n')
    wait(lambda: one.values() and two.values(), "readings of both")
    assert (one.values(), two.values()) == ([1.0], [2.0])


def test_pseudo_terminal_has_no_rs485(plug) -> None:
    with pytest.raises(PortDenied, match="RS-485"):
        SerialPort(PortSettings(str(plug.link), rs485=Rs485())).open()
    port = SerialPort(PortSettings(str(plug.link)))
    port.open()
    port.close()


class Chip:
    """A simulated microcontroller that lives on a line in a thread of its own."""

    def __init__(self, line: MemoryLine) -> None:
        self.line = line
        self.hung = False
        self.stopped = threading.Event()
        self.relay: list[int] = []
        self.boot()
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def boot(self) -> None:
        metrics = (Metric(0, 0, 1, -1, 100, 0, 900, "Cel", "t"),)
        firmware = Firmware(metrics, {"relay": lambda a: (self.relay.append(a[0]), (0, a[0]))[1]})
        self.began = monotonic()
        self.mcu = SimulatedMcu(firmware)

    def live(self) -> None:
        self.line.open()
        while not self.stopped.is_set():
            data = self.line.read(0.02)
            if self.hung:
                continue
            mcu, ms = self.mcu, int((monotonic() - self.began) * 1000)
            mcu.receive(data, ms)
            mcu.tick(ms)
            mcu.sample(0, ms, 215)
            mcu.flush(ms)
            self.line.write(mcu.take())


def test_link_over_threads_with_a_hang_and_a_reboot(start, wait) -> None:
    here, there = MemoryLine.pair()
    chip = Chip(there)
    quick = LinkSettings(
        who_every_s=0.1, greeting_s=0.3, ping_every_s=0.2, silence_s=0.6, answer_s=0.1
    )
    ear = start(here, HostLink(quick))
    wait(ear.values, "readings")
    ear.driver.command("k", "relay", [1])
    wait(lambda: ear.of(CommandEnded), "the command's end")
    assert (ear.of(CommandEnded)[0].outcome, chip.relay) == (Outcome.DONE, [1])
    chip.hung = True
    wait(lambda: ear.of(LinkDown), "missing it")
    chip.hung = False
    wait(lambda: len(ear.of(LinkUp)) == 2, "finding it again")
    chip.boot()
    wait(lambda: len(ear.of(McuReset)) == 2, "noticing the reboot")
    seen = len(ear.values())
    wait(lambda: len(ear.values()) > seen, "more readings")
    assert abs(ear.of(Readings)[-1].times_s[-1] - time.time()) < 5
    chip.stopped.set()
    chip.thread.join(5)


def test_fault_of_ours_is_told_and_the_line_goes_on(start, wait, monkeypatch) -> None:
    here, there = MemoryLine.pair()
    there.open()
    protocol = build("println")
    sound = protocol.receive

    def receive(data, at_s):
        if data == b"bad":
            raise RuntimeError("a bug")
        return sound(data, at_s)

    monkeypatch.setattr(protocol, "receive", receive)
    ear = start(here, protocol)
    wait(lambda: ear.of(PortOpened), "opening")
    there.write(b"bad")
    wait(lambda: ear.of(PortClosed), "telling")
    assert "a bug" in ear.of(PortClosed)[0].reason
    wait(lambda: len(ear.of(PortOpened)) == 2, "opening again")
    there.write(b"7\n")
    wait(lambda: ear.values() == [7.0], "reading on")


def test_events_nobody_takes_are_bounded(monkeypatch, wait) -> None:
    monkeypatch.setattr("firmware_bridge.transport.driver.MAX_EVENTS", 10)
    here, there = MemoryLine.pair()
    there.open()
    driver = Driver(here, build("println"))
    driver.start()
    there.write(b"".join(b"%d\n" % n for n in range(50)))
    wait(lambda: driver.dropped_events > 0, "dropping")
    wait(lambda: driver.tally.frames == 50, "reading all")
    assert driver.stop()
    left = [r.value for e in driver.events() if isinstance(e, Readings) for r in e]
    assert left == [float(n) for n in range(40, 50)]


def test_port_is_lent_and_taken_back(plug, start, wait) -> None:
    ear = start(
        SerialPort(PortSettings(str(plug.link))),
        build("println", {"command_line": "{name} {args}"}),
    )
    wait(lambda: ear.of(PortOpened), "opening")
    for round_trip in range(2):
        assert ear.driver.lend()
        # Somebody else may have it now, and has all of it.
        with_lock = SerialPort(PortSettings(str(plug.link)))
        with_lock.open()
        plug.write(b"777\n")
        assert with_lock.read(5.0)
        with_lock.close()
        ear.driver.command(f"k{round_trip}", "relay", [1])
        wait(lambda n=round_trip: len(ear.of(CommandEnded)) == n + 1, "the refusal")
        assert "being written" in ear.of(CommandEnded)[-1].text
        ear.driver.take_back()
        wait(lambda n=round_trip: len(ear.of(PortOpened)) == n + 2, "opening again")
        plug.write(b"%d\n" % round_trip)
        wait(lambda n=round_trip: ear.values() == [float(i) for i in range(n + 1)], "reading")
    assert ear.of(PortClosed) == []


def test_port_that_is_not_there_is_lent_at_once(tmp_path, start) -> None:
    ear = start(SerialPort(PortSettings(str(tmp_path / "none"))), build("println"))
    assert ear.driver.lend()
    ear.driver.take_back()


def test_lent_driver_stops(plug, start, wait) -> None:
    ear = start(SerialPort(PortSettings(str(plug.link))), build("println"))
    wait(lambda: ear.of(PortOpened), "opening")
    assert ear.driver.lend()
    assert ear.driver.stop()


def test_port_given_back_and_lent_anew_at_once(plug, start, wait) -> None:
    ear = start(SerialPort(PortSettings(str(plug.link))), build("println"))
    wait(lambda: ear.of(PortOpened), "opening")
    for _ in range(40):
        assert ear.driver.lend()
        ear.driver.take_back()

    def heard() -> bool:
        # What comes before the port is open again is nobody's.
        plug.write(b"5\n")
        return 5.0 in ear.values()

    wait(heard, "reading")
