"""The Arduino library with the real Arduino core: the sketch built as the IDE builds it, run on simavr, heard by the bridge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_bridge import CommandEnded, LinkUp, Outcome
from tests.firmware_bridge.firmware.conftest import FIRMWARE, run
from tests.firmware_bridge.firmware.listener import Listener
from tests.firmware_bridge.flash.conftest import UnoBoard, uno_board  # noqa: F401  (a fixture)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("gcc", "gcc-avr", "libsimavr-dev", "arduino-core-avr"),
]

AVR = Path("/usr/share/arduino/hardware/arduino/avr")
CORE = AVR / "cores" / "arduino"
SKETCH = FIRMWARE / "examples" / "ArduinoMonitor" / "ArduinoMonitor.ino"
FLAGS = [
    "-c", "-g", "-Os", "-w", "-ffunction-sections", "-fdata-sections", "-MMD", "-flto",
    "-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_AVR_UNO", "-DARDUINO_ARCH_AVR",
    f"-I{CORE}", f"-I{AVR / 'variants' / 'standard'}", f"-I{FIRMWARE / 'src'}",
]  # fmt: skip
"""Those of platform.txt."""


@pytest.fixture(scope="module")
def sketch_hex(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("arduino")
    source = folder / "sketch.cpp"
    source.write_text("#include <Arduino.h>\n" + SKETCH.read_text("utf-8"), "utf-8")
    c_files = [*CORE.glob("*.c"), *(FIRMWARE / "src").glob("*.c")]
    built = run("avr-gcc", "-std=gnu11", *FLAGS, *c_files, cwd=folder)
    assert built.returncode == 0, built.stderr
    built = run(
        "avr-g++", "-std=gnu++11", "-fpermissive", "-fno-exceptions", "-fno-threadsafe-statics",
        "-DDECIMAL_DIG=__DECIMAL_DIG__",  # Debian's gcc-avr is older than C++11's float.h

        *FLAGS, *CORE.glob("*.cpp"), source, cwd=folder,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    linked = run(
        "avr-gcc", "-Os", "-g", "-w", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections",
        "-mmcu=atmega328p", *sorted(folder.glob("*.o")), "-lm", "-o", folder / "sketch.elf",
    )  # fmt: skip
    assert linked.returncode == 0, linked.stderr
    copied = run("avr-objcopy", "-O", "ihex", "-R", ".eeprom", folder / "sketch.elf", folder / "sketch.hex")  # fmt: skip
    assert copied.returncode == 0, copied.stderr
    return (folder / "sketch.hex").read_bytes()


@pytest.fixture(scope="module")
def board(
    uno_board: Callable[..., UnoBoard],  # noqa: F811
    sketch_hex: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[UnoBoard]:
    # Without Optiboot: simavr's watchdog stays on behind it, which a sketch, unlike our firmware, does not expect.
    made = uno_board(tmp_path_factory.mktemp("board"), sketch_hex, has_loader=False)
    yield made
    made.stop()


def test_sketch_is_heard_and_obeys(board: UnoBoard) -> None:
    with Listener(board.port) as bridge:
        assert bridge.first(LinkUp).model == "my-thermometer"
        assert bridge.reading("temperature").value == pytest.approx(25.0, abs=0.6)
        assert bridge.reading("relay_on").value == 0
        bridge.driver.command("on", "relay", [1])
        ended = bridge.first(CommandEnded)
        assert (ended.outcome, ended.value) == (Outcome.DONE, 1)
        bridge.forget()
        assert bridge.reading("relay_on", lambda value: value == 1)
        # Who begins to listen in the middle of a frame drops its rest, and nothing after it.
        assert bridge.link.tally.trouble <= 1
        assert bridge.link.tally.lost == 0
