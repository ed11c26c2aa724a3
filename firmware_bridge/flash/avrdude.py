"""AVRs through avrdude: by Optiboot and its kin on the serial line, or any programmer that avrdude knows.

avrdude is run as a program (it is under the GPL, and a crash of it is not ours). An AVR has one flash, so the way back is
the old firmware, read out before. What makes this safe from power cuts is the boot loader: it lies in a part of the flash
that it does not write.
"""

import re
from pathlib import Path
from typing import Final

from firmware_bridge.errors import FlashFailed, ImageRefused, TargetRefused
from firmware_bridge.flash.formats import HexFacts, read_hex
from firmware_bridge.flash.image import Image
from firmware_bridge.flash.port import Rollback, Stop, Target, Tell
from firmware_bridge.flash.program import Finished, find_program, run
from firmware_bridge.flash.settings import FlashSettings
from firmware_bridge.transport.identity import resolve

_INSTALL: Final = "Debian's package avrdude has it"
_IDENTIFY_S: Final = 30.0
_SIGNATURE: Final = re.compile(
    r"device signature = (?:0x)?([0-9a-fA-F]{6})(?: \(probably ([^)]*)\))?"
)
_BAR: Final = re.compile(r"(?:Reading|Writing) \| (#*)")
_FLASH_BYTES: Final = {
    "atmega8": 7680, "atmega168": 15872, "atmega168p": 15872, "atmega328": 32256, "atmega328p": 32256,
    "atmega32u4": 28672, "atmega1284p": 130048, "atmega2560": 253952,
}  # fmt: skip
"""Flash less the boot loader's part, of boards that come with one; other parts are left to avrdude's own check."""


class AvrdudeFlasher:
    """A `Flasher` over avrdude."""

    method = "avrdude"
    rollback = Rollback.BACKUP

    def __init__(self, settings: FlashSettings, *, program: str = "avrdude") -> None:
        self._settings = settings
        self._program = program

    def accepts(self, image: Image) -> None:
        """Read all of the Intel HEX; it names no chip, so what it is for is the settings' word."""
        facts = _facts(image)
        room = _FLASH_BYTES.get(self._settings.hardware.lower())
        if room is not None and facts.end > room:
            raise ImageRefused(
                f"the image ends at {facts.end}, the target's boot loader begins at {room}"
            )

    def takes_bytes(self, image: Image) -> int:
        """Where the image ends."""
        return _facts(image).end

    def identify(self) -> Target:
        """Read the signature: avrdude itself compares it with the part of the settings."""
        done = self._run([], _IDENTIFY_S, lambda: False)
        found = _SIGNATURE.search(done.said)
        if done.status and "expected signature" in done.said.lower():
            said = found[2] or found[1] if found else "something else"
            raise TargetRefused(f"the target is {said}, not {self._settings.hardware}")
        if done.status or found is None:
            raise FlashFailed(f"no boot loader answers: {done.last_words()}")
        hardware = self._settings.hardware
        return Target(hardware, _FLASH_BYTES.get(hardware.lower()))

    def save(self, into: Path, tell: Tell, stop: Stop) -> None:
        """Read the whole flash out, as Intel HEX."""
        self._done([f"-Uflash:r:{into}:i"], "the old firmware can't be read out", tell, stop)

    def write(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Write every page of the image; begins anew each time."""
        self._done(["-V", f"-Uflash:w:{image.path}:i"], "the image can't be written", tell, stop)

    def verify(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Read back and compare."""
        self._done([f"-Uflash:v:{image.path}:i"], "the flash is not the image", tell, stop)

    def start(self, image: Image) -> None:
        """Nothing to do: the boot loader starts it when avrdude leaves."""

    def runs(self, image: Image) -> bool | None:
        """Can't be asked of an AVR."""
        return None

    def confirm(self, image: Image) -> None:
        """Nothing to do: what is in the flash stays."""

    def revert(self, saved: Image | None, tell: Tell, stop: Stop) -> None:
        """Write the old firmware as it was read out, and compare."""
        if saved is None:
            raise FlashFailed("the old firmware was not read out before")
        # What was read out ends with the boot loader, which does not write over itself: only what lies before it.
        room = _FLASH_BYTES.get(self._settings.hardware.lower())
        path = saved.path
        if room is not None:
            path = saved.path.with_name("saved.hex")
            path.write_bytes(write_hex(_facts(saved).data[:room]))
        self._done([f"-Uflash:w:{path}:i"], "the old firmware can't be written back", tell, stop)

    def _done(self, options: list[str], what: str, tell: Tell, stop: Stop) -> None:
        done = self._run(options, self._settings.timeout_s, stop, tell)
        if done.status:
            raise FlashFailed(f"{what}: {done.last_words()}")
        tell(1.0)

    def _run(
        self, options: list[str], timeout_s: float, stop: Stop, tell: Tell = lambda _share: None
    ) -> Finished:
        s = self._settings
        argv = [
            find_program(self._program, _INSTALL),
            "-c", s.programmer, "-p", s.hardware, "-P", str(resolve(s.port, s.roots)), "-b", str(s.baud),
            # No chip erase: a boot loader can't, and a programmer would erase the boot loader with it.
            "-D", *options,
        ]  # fmt: skip
        return run(argv, timeout_s=timeout_s, stop=stop, heard=lambda said: tell(_share(said)))


def _facts(image: Image) -> HexFacts:
    facts = read_hex(image.data)
    if facts.first:
        return HexFacts(0, facts.end, b"\xff" * facts.first + facts.data)
    return facts


def _share(said: str) -> float:
    bars: list[str] = _BAR.findall(said)
    return min(1.0, len(bars[-1]) / 50) if bars else 0.0


def write_hex(data: bytes) -> bytes:
    """Write Intel HEX of up to 16 MB from address 0; runs of 16 erased bytes are left out."""
    rows = []
    for at in range(0, len(data), 16):
        body = data[at : at + 16]
        if at % 0x10000 == 0 and at:
            rows.append(_row(0, 4, (at >> 16).to_bytes(2, "big")))
        if body.strip(b"\xff"):
            rows.append(_row(at & 0xFFFF, 0, body))
    return "".join([*rows, ":00000001FF\n"]).encode()


def _row(address: int, kind: int, body: bytes) -> str:
    raw = bytes([len(body), *address.to_bytes(2, "big"), kind]) + body
    return f":{raw.hex().upper()}{-sum(raw) & 0xFF:02X}\n"
