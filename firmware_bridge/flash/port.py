"""What a flasher is: the port that avrdude, esptool, MCUmgr SMP and memory fill.

One thread calls, in the order of `states`: ``accepts``, ``identify``, ``save``, ``write``, ``verify``, ``start``,
``runs``, ``confirm``; ``revert`` instead where a step after ``write`` fails. Each may be called again after a power cut
and then begins anew or goes on, whichever the target can. All but ``accepts`` need the target's port for themselves.
Each raises only what stands in ``firmware_bridge.errors`` below FlashError or PortError.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from firmware_bridge.flash.image import Image

Tell = Callable[[float], None]
"""Takes how much of a step is done, 0 to 1; never goes back within a step."""

Stop = Callable[[], bool]
"""Whether to end early: asked now and then, answered with Interrupted."""


class Rollback(Enum):
    """How a target gets its old firmware back."""

    NONE = "none"
    BACKUP = "backup"
    """It was read out before and is written again."""
    SLOTS = "slots"
    """It lies in the target beside the new one."""


@dataclass(frozen=True, slots=True)
class Target:
    """What answered: its hardware as the flasher names it, and how large an image may be (None: not told)."""

    hardware: str
    capacity_bytes: int | None = None
    running: str = ""
    """Version of the firmware that runs, where the target can tell."""


class Flasher(Protocol):
    """Writes firmware to one target."""

    method: str
    rollback: Rollback

    def accepts(self, image: Image) -> None:
        """Say whether this can be an image for this kind of target, and for the hardware of the settings; no I/O."""

    def takes_bytes(self, image: Image) -> int:
        """Give the flash that an accepted image takes: less than its file for Intel HEX, which is text."""

    def identify(self) -> Target:
        """Ask the target what it is; changes nothing that it keeps. Raises TargetRefused where it is other hardware."""

    def save(self, into: Path, tell: Tell, stop: Stop) -> None:
        """Read the old firmware into a file; only where ``rollback`` is BACKUP."""

    def write(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Bring the image onto the target."""

    def verify(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Compare what is on the target with the image."""

    def start(self, image: Image) -> None:
        """Have the target run the image: for good, or on trial where it can."""

    def runs(self, image: Image) -> bool | None:
        """Tell whether the image runs; None where only its behaviour could tell."""

    def confirm(self, image: Image) -> None:
        """Make the image stay."""

    def revert(self, saved: Image | None, tell: Tell, stop: Stop) -> None:
        """Have the old firmware run again: out of ``saved`` where ``rollback`` is BACKUP. FlashFailed: no way back."""
