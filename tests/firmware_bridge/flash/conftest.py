"""One bench for each kind of target: the flasher, an old and a new image, and hands on its power."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from firmware_bridge.flash.avrdude import AvrdudeFlasher
from firmware_bridge.flash.esptool import EsptoolFlasher
from firmware_bridge.flash.formats import read_hex
from firmware_bridge.flash.image import Image, load_image
from firmware_bridge.flash.memory import MemoryFlasher, MemoryTarget, memory_image
from firmware_bridge.flash.port import Flasher, Rollback
from firmware_bridge.flash.settings import FlashSettings
from firmware_bridge.flash.smp import SmpFlasher
from firmware_bridge.transport.serial_port import PortSettings, SerialPort
from tests.firmware_bridge.firmware.conftest import FIRMWARE, avr_build  # noqa: F401  (a fixture)
from tests.firmware_bridge.flash.images import esp_image, mcuboot_image
from tests.firmware_bridge.flash.rom_loader import RomLoader
from tests.firmware_bridge.flash.smp_target import SmpTarget

HERE = Path(__file__).parent
OPTIBOOT = Path(
    "/usr/share/arduino/hardware/arduino/avr/bootloaders/optiboot/optiboot_atmega328.hex"
)
APPLICATION_BYTES = 32256


class Cut(Exception):
    """Power went away, ours as well as the target's."""


@dataclass
class Bench:
    """What the contract needs of a target. ``holds`` tells whether an image is what the target would run."""

    flasher: Flasher
    other_hardware: Flasher
    old: Image
    new: Image
    holds: Callable[[Image], bool]
    power_cut: Callable[[], None]
    power_on: Callable[[], None]
    name: str = field(default="")


def image(folder: Path, name: str, data: bytes) -> Image:
    (folder / name).write_bytes(data)
    return load_image(folder / name, "")


class Memory:
    """A target in memory."""

    def __init__(self, folder: Path, rollback: Rollback) -> None:
        self.old = image(folder, "old", memory_image("memory-1", "1.0"))
        self.target = MemoryTarget(rollback=rollback, active=self.old.data)
        self.new = image(folder, "new", memory_image("memory-1", "2.0", 1500))

    def bench(self) -> Bench:
        return Bench(
            MemoryFlasher(self.target),
            MemoryFlasher(self.target, "memory-2"),
            self.old,
            self.new,
            lambda it: self.target.active == it.data,
            lambda: None,
            self.target.power_on,
        )


class UnoBoard:
    """An Arduino Uno on simavr with Optiboot; its flash is a file, so that it outlives a power cut."""

    def __init__(
        self, program: Path, folder: Path, firmware: bytes, *, has_loader: bool = True
    ) -> None:
        self._program = program
        self._folder = folder
        self._starts = OPTIBOOT if has_loader else folder / "firmware.hex"
        (folder / "firmware.hex").write_bytes(firmware)
        self.port = folder / "uno"
        flash = bytearray(b"\xff" * 32768)
        facts = read_hex(firmware)
        flash[facts.first : facts.end] = facts.data
        (folder / "flash.bin").write_bytes(flash)
        self.power_on()

    def power_on(self) -> None:
        command = [self._program, self._starts, self.port, self._folder / "flash.bin"]
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        assert (
            self._process.stdout.readline() == b"ready\n" or b"ready" in self._process.stdout.read()
        )

    def power_cut(self) -> None:
        self._process.kill()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def holds(self, it: Image) -> bool:
        facts = read_hex(it.data)
        flash = (self._folder / "flash.bin").read_bytes()
        return flash[facts.first : facts.end] == facts.data


@pytest.fixture(scope="session")
def uno_board(
    needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., UnoBoard]:
    """`uno_board(folder, firmware)`: powered on; `has_loader=False`: the firmware alone, as by a programmer."""
    cc = needs("gcc")
    needs("libsimavr-dev")
    needs("arduino-core-avr")
    program = tmp_path_factory.mktemp("simavr") / "uno_board"
    built = subprocess.run(
        [cc, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", HERE / "uno_board.c", "-o", program,
         "-lsimavr", "-lelf", "-lutil", "-lm"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return partial(UnoBoard, program)


@pytest.fixture(scope="session")
def uno_hex(
    needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], bytes]:
    """`uno_hex("2.0.0")`: the example firmware for a real Uno, of this version, as Intel HEX."""
    needs("gcc-avr")
    make = needs("make")

    @cache
    def build(version: str) -> bytes:
        folder = tmp_path_factory.mktemp("uno")
        define = f"""SIZES=-DFIRMWARE_VERSION='"{version}"'"""
        built = subprocess.run(
            [make, "--no-print-directory", "-C", FIRMWARE, f"OUT={folder}", define, "uno"],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert built.returncode == 0, built.stderr
        return (folder / "uno.hex").read_bytes()

    return build


class Benches:
    """Makes the bench of a kind; what it started ends with the test."""

    KINDS: ClassVar = ("memory-slots", "memory-backup", "memory-none", "avrdude", "esptool", "smp")

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder

    def make(self, kind: str) -> Bench:
        if kind.startswith("memory"):
            return Memory(self._folder, Rollback(kind.removeprefix("memory-"))).bench()
        return {"avrdude": self._avrdude, "esptool": self._esptool, "smp": self._smp}[kind]()

    def _settings(self, method: str, port: str, hardware: str) -> FlashSettings:
        return FlashSettings(method, str(self._folder / port), hardware, timeout_s=120.0)

    def _avrdude(self) -> Bench:
        self._request.getfixturevalue("needs")("avrdude")
        build = self._request.getfixturevalue("uno_hex")
        old, new = build("1.0.0"), build("2.0.0")
        board = self._request.getfixturevalue("uno_board")(self._folder, old)
        self._request.addfinalizer(board.stop)
        return Bench(
            AvrdudeFlasher(self._settings("avrdude", "uno", "atmega328p")),
            AvrdudeFlasher(self._settings("avrdude", "uno", "atmega2560")),
            image(self._folder, "old", old),
            image(self._folder, "new", new),
            board.holds,
            board.power_cut,
            board.power_on,
        )

    def _esptool(self) -> Bench:
        rom = RomLoader(self._folder / "esp").__enter__()
        self._request.addfinalizer(rom.__exit__)
        old = image(self._folder, "old", esp_image(seed=1))
        new = image(self._folder, "new", esp_image(seed=2))
        rom.flash[0x10000 : 0x10000 + old.size_bytes] = old.data
        return Bench(
            EsptoolFlasher(self._settings("esptool", "esp", "esp32"), connect_attempts=1),
            EsptoolFlasher(self._settings("esptool", "esp", "esp32c3"), connect_attempts=1),
            old,
            new,
            lambda it: rom.flash[0x10000 : 0x10000 + it.size_bytes] == it.data,
            lambda: None,
            rom.power_on,
        )

    def _smp(self) -> Bench:
        old = image(self._folder, "old", mcuboot_image("1.0.0"))
        new = image(self._folder, "new", mcuboot_image("2.0.0", 6000, protected=True))
        target = SmpTarget(self._folder / "smp", old.data).__enter__()
        self._request.addfinalizer(target.__exit__)

        def flasher(hardware: str) -> SmpFlasher:
            settings = self._settings("smp", "smp", hardware)
            line = PortSettings(settings.port)
            return SmpFlasher(settings, lambda: SerialPort(line), boot_s=10.0, answer_s=1.0)

        return Bench(
            flasher("demo_board/chip"),
            flasher("another_board"),
            old,
            new,
            lambda it: target.slots[0] == it.data,
            lambda: None,
            target.power_on,
        )


@pytest.fixture
def benches(request: pytest.FixtureRequest, tmp_path: Path) -> Benches:
    return Benches(request, tmp_path)


@pytest.fixture(
    params=[
        *Benches.KINDS[:3],
        pytest.param("avrdude", marks=pytest.mark.slow),
        pytest.param("esptool", marks=pytest.mark.slow),
        "smp",
    ]
)
def bench(request: pytest.FixtureRequest, benches: Benches) -> Any:
    made = benches.make(request.param)
    made.name = request.param
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"
