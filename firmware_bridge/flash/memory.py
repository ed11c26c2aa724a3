"""A target in memory, with two slots, one flash with a way back, or none; and switches for what happens to real ones."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from firmware_bridge.errors import FlashFailed, ImageRefused, Interrupted, TargetRefused
from firmware_bridge.flash.image import Image
from firmware_bridge.flash.port import Rollback, Stop, Target, Tell

_MAGIC: Final = b"MEMORY1 "
_PIECE_BYTES: Final = 64


class PowerCut(Exception):
    """What a switched-off target does to a step: not one of the errors that a flasher raises."""


def memory_image(hardware: str, version: str, size_bytes: int = 1000) -> bytes:
    """Make an image for a `MemoryTarget`."""
    head = _MAGIC + f"{hardware} {version}\n".encode()
    return head + bytes(n % 251 for n in range(size_bytes - len(head)))


@dataclass(slots=True)
class MemoryTarget:
    """What stays when power goes: the flash. ``fails`` names steps that fail; ``cut_at`` is a share of `write`."""

    hardware: str = "memory-1"
    rollback: Rollback = Rollback.SLOTS
    capacity_bytes: int = 4096
    active: bytes = memory_image("memory-1", "1.0")
    other: bytes = b""
    on_trial: bool = False
    fails: set[str] = field(default_factory=set)
    cut_at: float | None = None
    writes: int = 0

    def power_on(self) -> None:
        """Start again: an image on trial gives way to the one before."""
        if self.on_trial:
            self.active, self.other, self.on_trial = self.other, self.active, False


class MemoryFlasher:
    """The `Flasher` of a `MemoryTarget`."""

    method = "memory"

    def __init__(self, target: MemoryTarget, hardware: str = "memory-1") -> None:
        self._target = target
        self._hardware = hardware
        self.rollback = target.rollback

    def accepts(self, image: Image) -> None:
        """Look for the hardware in the image's head."""
        if not image.data.startswith(_MAGIC):
            raise ImageRefused("no image for a target in memory")
        made_for = image.data[len(_MAGIC) :].split(b" ", 1)[0].decode("ascii", "replace")
        if made_for != self._hardware:
            raise ImageRefused(f"the image is for {made_for}, not for {self._hardware}")

    def takes_bytes(self, image: Image) -> int:
        """As large as the file."""
        return image.size_bytes

    def identify(self) -> Target:
        """Give what the target is."""
        self._may("identify")
        if self._target.hardware != self._hardware:
            raise TargetRefused(f"the target is {self._target.hardware}, not {self._hardware}")
        return Target(self._target.hardware, self._target.capacity_bytes)

    def save(self, into: Path, tell: Tell, _stop: Stop) -> None:
        """Copy what is active."""
        self._may("save")
        into.write_bytes(self._target.active)
        tell(1.0)

    def write(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Write piece by piece, as flash is written."""
        self._put(image.data, tell, stop)
        self._may("write")

    def verify(self, image: Image, tell: Tell, _stop: Stop) -> None:
        """Compare."""
        self._may("verify")
        if self._written() != image.data:
            raise FlashFailed("what was written is not the image")
        tell(1.0)

    def start(self, image: Image) -> None:
        """Swap the slots, on trial."""
        self._may("start")
        target = self._target
        if self.rollback is Rollback.SLOTS and target.other == image.data:
            target.active, target.other, target.on_trial = target.other, target.active, True

    def runs(self, image: Image) -> bool | None:
        """Compare what is active."""
        self._may("runs")
        return self._target.active == image.data if self.rollback is Rollback.SLOTS else None

    def confirm(self, _image: Image) -> None:
        """End the trial."""
        self._may("confirm")
        self._target.on_trial = False

    def revert(self, saved: Image | None, tell: Tell, stop: Stop) -> None:
        """Swap back, or write what was saved."""
        self._may("revert")
        if self.rollback is Rollback.SLOTS:
            self._target.power_on()
        elif saved is not None:
            self._put(saved.data, tell, stop)
        else:
            raise FlashFailed("this target has no way back to its old firmware")

    def _put(self, data: bytes, tell: Tell, stop: Stop) -> None:
        target = self._target
        target.writes += 1
        self._set_written(b"")
        for at in range(0, len(data), _PIECE_BYTES):
            share = at / len(data)
            if target.cut_at is not None and share >= target.cut_at:
                target.cut_at = None
                raise PowerCut
            if stop():
                raise Interrupted("asked to stop")
            self._set_written(data[: at + _PIECE_BYTES])
            tell(share)
        tell(1.0)

    def _written(self) -> bytes:
        return self._target.other if self.rollback is Rollback.SLOTS else self._target.active

    def _set_written(self, data: bytes) -> None:
        if self.rollback is Rollback.SLOTS:
            self._target.other = data
        else:
            self._target.active = data

    def _may(self, step: str) -> None:
        if step in self._target.fails:
            raise FlashFailed(f"{step} was told to fail")
