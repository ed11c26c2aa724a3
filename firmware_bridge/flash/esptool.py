"""ESP32 and its kin through esptool, over the boot loader in the chip's ROM.

esptool is run as a program (it is under the GPL, and a crash of it is not ours), without its stub: what the ROM has is
enough to write, and is what the tests run. The ROM can't be written, so a power cut leaves a chip that can be flashed
again; it has no way back of its own to the old application.
"""

import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from firmware_bridge.errors import FlasherMissing, FlashFailed, ImageRefused, TargetRefused
from firmware_bridge.flash.formats import read_esp
from firmware_bridge.flash.image import Image
from firmware_bridge.flash.port import Rollback, Stop, Target, Tell
from firmware_bridge.flash.program import Finished, run
from firmware_bridge.flash.settings import FlashSettings
from firmware_bridge.transport.identity import resolve

_IDENTIFY_S: Final = 60.0
_WRONG: Final = re.compile(r"This chip is ([^,]+), not ([^.]+)\.")
_SIZE: Final = re.compile(r"Detected flash size: (\d+)(KB|MB)")
_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)\s?%")
_UNITS: Final = {"KB": 1024, "MB": 1024 * 1024}


class EsptoolFlasher:
    """A `Flasher` over esptool."""

    method = "esptool"
    rollback = Rollback.NONE

    def __init__(self, settings: FlashSettings, *, connect_attempts: int = 7) -> None:
        self._settings = settings
        self._attempts = connect_attempts

    def accepts(self, image: Image) -> None:
        """Read the image's header: it names the chip."""
        made_for = read_esp(image.data).chip
        if made_for != self._settings.hardware:
            raise ImageRefused(f"the image is for {made_for}, not for {self._settings.hardware}")

    def takes_bytes(self, image: Image) -> int:
        """Up to its end, from where the flash begins."""
        return self._settings.address + image.size_bytes

    def identify(self) -> Target:
        """Ask which chip it is and how large its flash; esptool compares the chip with the settings' one."""
        done = self._run(["flash-id"], _IDENTIFY_S, lambda: False, after="hard-reset")
        if wrong := _WRONG.search(done.said):
            raise TargetRefused(f"the target is {wrong[1]}, not {self._settings.hardware}")
        if done.status:
            raise FlashFailed(f"the chip's boot loader does not answer: {done.last_words()}")
        size = _SIZE.search(done.said)
        room = int(size[1]) * _UNITS[size[2]] if size else None
        return Target(self._settings.hardware, room)

    def save(self, into: Path, tell: Tell, stop: Stop) -> None:
        """Never asked for: the ROM reads too slowly."""

    def write(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Write the application; begins anew each time. esptool compares a checksum of each piece and MD5 of the whole."""
        place = [hex(self._settings.address), str(image.path)]
        # The image's own header holds mode, size and hash; changing any of it would break the hash.
        kept = ["--flash-mode", "keep", "--flash-freq", "keep", "--flash-size", "keep"]
        self._done(["write-flash", *kept, *place], "the image can't be written", tell, stop)

    def verify(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Compare by the MD5 that the chip makes of its flash."""
        place = [hex(self._settings.address), str(image.path)]
        self._done(["verify-flash", *place], "the flash is not the image", tell, stop)

    def start(self, image: Image) -> None:
        """Reset it out of its boot loader."""
        done = self._run(["chip-id"], _IDENTIFY_S, lambda: False, after="hard-reset")
        if done.status:
            raise FlashFailed(f"the chip can't be started: {done.last_words()}")

    def runs(self, image: Image) -> bool | None:
        """Can't be asked of the ROM."""
        return None

    def confirm(self, image: Image) -> None:
        """Nothing to do: what is in the flash stays."""

    def revert(self, saved: Image | None, tell: Tell, stop: Stop) -> None:
        """Say that there is no way back."""
        raise FlashFailed(
            "this target has no way back; its boot loader takes a new image at any time"
        )

    def _done(self, command: list[str], what: str, tell: Tell, stop: Stop) -> None:
        most = 0.0

        def heard(said: str) -> None:
            nonlocal most
            for found in _SHARE.findall(said[-400:]):
                most = max(most, min(float(found) / 100, 1.0))
            tell(most)

        done = self._run(command, self._settings.timeout_s, stop, after="no-reset", heard=heard)
        if done.status:
            raise FlashFailed(f"{what}: {done.last_words()}")
        tell(1.0)

    def _run(
        self,
        command: list[str],
        timeout_s: float,
        stop: Stop,
        *,
        after: str,
        heard: Callable[[str], None] = lambda _said: None,
    ) -> Finished:
        if find_spec("esptool") is None:
            raise FlasherMissing(
                "esptool is not installed: the extra flash has it (forewarn[flash])"
            )
        s = self._settings
        argv = [
            sys.executable, "-m", "esptool",
            "--chip", s.hardware, "--port", str(resolve(s.port, s.roots)), "--baud", str(s.baud),
            "--no-stub", "--after", after, "--connect-attempts", str(self._attempts), *command,
        ]  # fmt: skip
        return run(argv, timeout_s=timeout_s, stop=stop, heard=heard)
