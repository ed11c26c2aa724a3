"""The firmware for a real Uno on simavr's ATmega328P: what QEMU's lacks, its converter, watchdog and reset reasons.

Still no chip: voltages are put on its pins by the test's program, and nothing is noisy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from firmware_bridge import CommandEnded, LinkUp, McuEvent, McuReset, Outcome
from tests.firmware_bridge.firmware.listener import Listener
from tests.firmware_bridge.flash.conftest import UnoBoard, uno_board, uno_hex  # noqa: F401  (fixtures)

pytestmark = [pytest.mark.slow, pytest.mark.needs("gcc", "gcc-avr", "make", "libsimavr-dev")]

HANG, FAILED_ASSERT = 7, 8


@pytest.fixture(scope="module")
def board(
    uno_board: Callable[..., UnoBoard],  # noqa: F811
    uno_hex: Callable[[str], bytes],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[UnoBoard]:
    made = uno_board(tmp_path_factory.mktemp("board"), uno_hex("1.0.0"), has_loader=False)
    yield made
    made.stop()


def command(bridge: Listener, name: str, *arguments: int) -> CommandEnded:
    bridge.driver.command(name, name, arguments)
    return bridge.first(CommandEnded)


def test_voltages_on_its_pins_become_readings(board: UnoBoard) -> None:
    with Listener(board.port) as bridge:
        assert bridge.first(McuReset).reason == "external pin"
        # 750 mV at a TMP36 are 25 degrees; a step of the converter is half of one.
        assert bridge.reading("temperature").value == pytest.approx(25.0, abs=0.6)
        assert bridge.reading("supply_voltage").value == pytest.approx(5.0, abs=0.03)
        assert bridge.reading("vibration_rms").value == pytest.approx(0.0, abs=0.2)
        # Who begins to listen in the middle of a frame drops its rest, and nothing after it.
        assert bridge.link.tally.trouble <= 1
        assert bridge.link.tally.lost == 0


def test_hung_firmware_is_restarted_by_its_watchdog_and_says_where(board: UnoBoard) -> None:
    with Listener(board.port) as bridge:
        bridge.first(LinkUp)
        bridge.forget()
        assert command(bridge, "fault", HANG).outcome is Outcome.DONE
        assert bridge.first(McuReset).reason == "watchdog"
        event = bridge.first(McuEvent)
        assert (event.kind, event.text) == ("watchdog", "fault")
        assert bridge.reading("temperature").value == pytest.approx(25.0, abs=0.6)


def test_failed_assert_names_its_line(board: UnoBoard) -> None:
    with Listener(board.port) as bridge:
        bridge.first(LinkUp)
        bridge.forget()
        assert command(bridge, "fault", FAILED_ASSERT).outcome is Outcome.DONE
        assert bridge.first(McuReset).reason == "assert"
        event = bridge.first(McuEvent)
        assert (event.kind, event.text) == ("assert", "main.c")
        assert event.value > 0


def test_restart_by_command(board: UnoBoard) -> None:
    with Listener(board.port) as bridge:
        bridge.first(LinkUp)
        bridge.forget()
        assert command(bridge, "reset").outcome is Outcome.DONE
        assert bridge.first(McuReset).reason == "software"
