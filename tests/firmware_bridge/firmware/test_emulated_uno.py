"""The example firmware on an emulated ATmega328P, the bridge on its serial line."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from firmware_bridge import (
    Announced,
    CommandEnded,
    LinkDown,
    LinkUp,
    McuEvent,
    McuReset,
    Outcome,
    PortClosed,
    PortOpened,
    Readings,
)
from firmware_bridge.transport.serial_port import PortSettings, SerialPort
from tests.firmware_bridge.firmware.conftest import FIRMWARE
from tests.firmware_bridge.firmware.emulator import Emulator
from tests.firmware_bridge.firmware.listener import Listener

pytestmark = [pytest.mark.slow, pytest.mark.needs("gcc-avr", "qemu-system-misc", "make")]

BEARING, BROKEN_SENSOR, HANG, ASSERT = 1, 5, 7, 8
SENDS_A_BYTE = "__vector_19"


def ask(bridge: Listener, name: str, *arguments: int) -> CommandEnded:
    """Send a command and wait for its end."""
    bridge.forget()
    bridge.driver.command(f"{name}{arguments}", name, arguments)
    return bridge.first(CommandEnded)


def test_readings_are_typed_and_dated(uno: Emulator) -> None:
    uno.run()
    with Listener(uno.port) as bridge:
        up = bridge.first(LinkUp)
        assert (up.model, up.firmware, up.version) == ("uno-demo", "1.0.0", 1)
        table = {metric.name: metric for metric in bridge.first(Announced).metrics}
        assert list(table) == [
            "temperature", "vibration_rms", "supply_voltage", "door_open", "relay_on",
        ]  # fmt: skip
        assert table["temperature"].high == pytest.approx(80.0)
        assert table["vibration_rms"].period_s == pytest.approx(0.1)
        for name, unit, low, high in [
            ("temperature", "Cel", 41.3, 41.7),
            ("vibration_rms", "m/s2", 0.7, 1.0),
            ("supply_voltage", "V", 5.0, 5.04),
        ]:
            # Waited for: a processor that is starved of its host measures vibration too seldom.
            reading = bridge.reading(name, lambda value, lo=low, hi=high: lo <= value <= hi)
            assert reading.unit == unit
            assert isinstance(reading.value, float)
            assert abs(reading.time_s - time.time()) < 30
        assert bridge.reading("door_open").value is False
        tally = bridge.driver.tally
        assert (tally.bad, tally.too_long, tally.lost) == (0, 0, 0)


def test_samples_come_at_their_period(uno: Emulator) -> None:
    uno.run()
    with Listener(uno.port) as bridge:

        def enough(seen: list[object]) -> list[int] | None:
            clock = [
                reading.mcu_ms
                for event in seen
                if isinstance(event, Readings)
                for reading in event
                if reading.name == "vibration_rms" and reading.mcu_ms is not None
            ]
            return clock if len(clock) >= 20 else None

        clock = bridge.wait("20 readings", enough)
    steps = [b - a for a, b in pairwise(clock)]
    # The median: on a busy machine the emulated processor misses a turn now and again.
    assert median(steps) == pytest.approx(100, abs=30)


def test_commands_reach_the_machine(uno: Emulator) -> None:
    uno.run()
    with Listener(uno.port) as bridge:
        assert bridge.reading("relay_on").value is False
        done = ask(bridge, "relay", 1)
        assert (done.outcome, done.value) == (Outcome.DONE, 1)
        assert bridge.reading("relay_on", bool).value is True
        assert ask(bridge, "relay", 2).outcome is Outcome.REFUSED
        assert ask(bridge, "lights", 1).outcome is Outcome.REFUSED
        assert ask(bridge, "fault", BEARING).outcome is Outcome.DONE
        shaking = bridge.reading("vibration_rms", lambda value: value > 2.5)
        assert isinstance(shaking.value, float)
        assert ask(bridge, "fault", 0).outcome is Outcome.DONE
        bridge.reading("vibration_rms", lambda value: value < 1.0)


def test_broken_sensor_is_told_and_gives_no_value(uno: Emulator) -> None:
    uno.run()
    with Listener(uno.port) as bridge:
        bridge.first(LinkUp)
        ask(bridge, "fault", BROKEN_SENSOR)
        assert bridge.first(McuEvent).kind == "sensor_fault"
        bridge.wait(
            "a failed reading",
            lambda seen: next(
                (e for e in seen if isinstance(e, Readings) and "temperature" in e.failed), None
            ),
        )
        ask(bridge, "fault", 0)
        assert bridge.first(McuEvent).kind == "sensor_back"
        bridge.reading("temperature")


def test_assert_is_reported_with_its_line_after_the_reset(uno: Emulator) -> None:
    source = (FIRMWARE / "uno" / "main.c").read_text("utf-8").splitlines()
    [line] = [n for n, text in enumerate(source, 1) if "BOARD_ASSERT(planned" in text]
    uno.run()
    with Listener(uno.port) as bridge:
        bridge.first(LinkUp)
        ask(bridge, "fault", ASSERT)
        assert bridge.first(McuReset).reason == "assert"
        event = bridge.first(McuEvent)
        assert (event.kind, event.value, event.text) == ("assert", line, "main.c")


def test_watchdog_names_what_hung(uno: Emulator) -> None:
    uno.run()
    with Listener(uno.port) as bridge:
        bridge.first(LinkUp)
        ask(bridge, "fault", HANG)
        assert bridge.first(McuReset).reason == "watchdog"
        event = bridge.first(McuEvent)
        assert (event.kind, event.text) == ("watchdog", "fault")


def test_reset_by_command_answers_first(uno: Emulator) -> None:
    uno.run()
    with Listener(uno.port) as bridge:
        bridge.first(LinkUp)
        assert ask(bridge, "reset").outcome is Outcome.DONE
        reset = bridge.first(McuReset)
        assert reset.reason == "software"
        assert reset.ran_s is not None
        bridge.reading("temperature")


def test_reset_in_the_middle_of_a_frame(uno: Emulator) -> None:
    """Each half frame is counted as one damaged, and the link is up again with the next HELLO."""
    resets = (5, 7, 11, 13, 17, 19)
    uno.run()
    with Listener(uno.port) as bridge:
        bridge.reading("vibration_rms")
        for entries in resets:
            bridge.forget()
            uno.stop_at(SENDS_A_BYTE, times=entries)
            bridge.after_reset(uno.press_reset, McuReset)
            bridge.reading("vibration_rms")
        # Where the processor was then is not exact: now and again it had just ended a frame.
        assert bridge.driver.tally.bad >= 1


def test_command_under_way_is_lost_in_a_reset(uno: Emulator) -> None:
    uno.run()
    with Listener(uno.port) as bridge:
        bridge.reading("vibration_rms")
        bridge.forget()
        uno.freeze()
        bridge.driver.command("lost", "relay", [1])
        time.sleep(0.2)
        ended = bridge.after_reset(uno.press_reset, CommandEnded)
        assert (ended.key, ended.outcome) == ("lost", Outcome.LOST_IN_RESET)
        assert bridge.reading("relay_on").value is False


def test_hung_processor_is_noticed_and_goes_on(uno: Emulator) -> None:
    uno.run()
    with Listener(uno.port) as bridge:
        bridge.reading("vibration_rms")
        bridge.forget()
        uno.freeze()
        assert "nothing" in bridge.first(LinkDown).reason
        bridge.forget()
        uno.run()
        bridge.first(LinkUp)
        reading = bridge.reading("vibration_rms")
        assert abs(reading.time_s - time.time()) < 30
        assert [e for e in bridge.seen if isinstance(e, McuReset) and e.ran_s is not None] == []


def test_unplugged_and_plugged_in_again_elsewhere(emulated_elf: Path, tmp_path: Path) -> None:
    """Another pseudo terminal behind the same lasting name, as ttyUSB0 becomes ttyUSB1."""
    name = tmp_path / "usb-Arduino_Uno"
    with Emulator(emulated_elf) as first:
        name.symlink_to(first.port)
        first.run()
        bridge = Listener(name)
        with bridge:
            bridge.reading("vibration_rms")
            bridge.forget()
            with Emulator(emulated_elf) as second:
                first.unplug()
                bridge.first(PortClosed)
                name.unlink()
                name.symlink_to(second.port)
                second.run()
                assert bridge.first(PortOpened).device == str(Path(second.port).resolve())
                bridge.first(McuReset)
                bridge.reading("temperature")


class NoisyPort(SerialPort):
    """Every 150th byte that arrives has a wrong bit."""

    def __init__(self, settings: PortSettings) -> None:
        super().__init__(settings)
        self._count = 0

    def read(self, timeout_s: float) -> bytes:
        data = bytearray(super().read(timeout_s))
        for at in range(len(data)):
            self._count += 1
            if self._count % 150 == 0:
                data[at] ^= 0x04
        return bytes(data)


def test_noise_costs_frames_which_are_counted(uno: Emulator) -> None:
    uno.run()
    noisy = NoisyPort(PortSettings(uno.port))
    with Listener(uno.port, transport=noisy) as bridge:
        bridge.wait("ten damaged frames", lambda _seen: bridge.driver.tally.bad >= 10 or None)
        bridge.forget()
        bridge.reading("vibration_rms")
        bridge.reading("temperature")
        tally = bridge.driver.tally
        assert tally.lost > 0


def test_build_for_real_hardware_speaks_too(needs: object, avr_build: object) -> None:
    """Its converter and pins are missing in QEMU: an open thermometer, told as such."""
    folder, _ = avr_build("uno")  # type: ignore[operator]
    assert (folder / "uno.hex").read_text("ascii").startswith(":")
    with Emulator(folder / "uno.elf") as uno:
        uno.run()
        with Listener(uno.port) as bridge:
            assert bridge.first(LinkUp).model == "uno-demo"
            assert bridge.first(McuEvent).kind == "sensor_fault"
            assert bridge.reading("supply_voltage").value == pytest.approx(5.0)


def test_cost_is_within_its_bounds(avr_build: object) -> None:
    """Beyond the UART driver: 5 KB of flash, 512 bytes of RAM."""
    _, printed = avr_build("cost")  # type: ignore[operator]
    lines = [line for line in printed.splitlines() if "bytes of flash" in line]
    assert len(lines) == 2
    for line in lines:
        flash, ram = (int(word) for word in line.replace(":", "").split() if word.isdigit())
        assert 1000 < flash <= 5 * 1024
        assert 100 < ram <= 512
