"""MCUmgr's SMP (Zephyr with MCUboot, Mynewt) over a serial line, by smpclient.

The new image goes into the second slot while the old one runs, is started on trial, and stays only once it is confirmed:
until then each reset, a power cut among them, brings the old one back. MCUboot checks the signature.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from smp.exceptions import SMPException
from smp.image_management import ImageState
from smpclient import SMPClient
from smpclient.exceptions import SMPBadSequence, SMPUploadError, SMPValidationException
from smpclient.generics import success
from smpclient.requests.image_management import ImageErase, ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import OSApplicationInfoRead, ResetWrite

from firmware_bridge.errors import FlashFailed, Interrupted, PortError, TargetRefused
from firmware_bridge.flash.formats import read_mcuboot
from firmware_bridge.flash.image import Image
from firmware_bridge.flash.port import Rollback, Stop, Target, Tell
from firmware_bridge.flash.settings import FlashSettings
from firmware_bridge.flash.smp_line import SmpLine
from firmware_bridge.transport.port import Transport

_LOST: Final = (TimeoutError, SMPBadSequence, SMPValidationException, SMPException, PortError)
_RESETS: Final = 3
_ERASE_S: Final = 60.0
T = TypeVar("T")

# It tells its errors by exceptions too; without a handler the logging module would print them.
logging.getLogger("smpclient").addHandler(logging.NullHandler())


class SmpFlasher:
    """A `Flasher` over SMP. ``boot_s``: patience for the swap of two slots; ``answer_s``: for one answer."""

    method = "smp"
    rollback = Rollback.SLOTS

    def __init__(
        self,
        settings: FlashSettings,
        open_line: Callable[[], Transport],
        *,
        boot_s: float = 90.0,
        answer_s: float = 4.0,
    ) -> None:
        self._settings = settings
        self._open_line = open_line
        self._boot_s = boot_s
        self._answer_s = answer_s

    def accepts(self, image: Image) -> None:
        """Read header, trailer and hash. For which board it is, MCUboot's format does not say."""
        read_mcuboot(image.data)

    def takes_bytes(self, image: Image) -> int:
        """As large as the file."""
        return image.size_bytes

    def identify(self) -> Target:
        """Ask for the board's name and for the running image."""

        async def ask(client: SMPClient) -> Target:
            told = await client.request(OSApplicationInfoRead(format="i"))
            if not success(told):
                raise TargetRefused(
                    "the target does not tell its hardware (CONFIG_MCUMGR_GRP_OS_INFO)"
                )
            if told.output.strip() != self._settings.hardware:
                raise TargetRefused(
                    f"the target is {told.output.strip()[:64]}, not {self._settings.hardware}"
                )
            active = _active(await _states(client))
            return Target(self._settings.hardware, None, active.version if active else "")

        return self._talk(ask)

    def save(self, into: Path, tell: Tell, stop: Stop) -> None:
        """Never asked for: the old firmware stays in its slot."""

    def write(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Upload into the second slot; what is there already of this image is not sent again."""
        wanted = read_mcuboot(image.data).hash

        async def upload(client: SMPClient) -> None:
            states = await _states(client)
            if any(_hash(state) == wanted for state in states):
                return
            if any(state.pending for state in states):
                raise FlashFailed("the target is about to try another image")
            try:
                async for offset in client.upload(image.data, first_timeout_s=_ERASE_S):
                    if stop():
                        raise Interrupted("asked to stop")
                    tell(offset / image.size_bytes)
            except SMPUploadError as error:
                raise FlashFailed(f"the target refuses the image: {_said(error)}") from None

        self._talk(upload)
        tell(1.0)

    def verify(self, image: Image, tell: Tell, stop: Stop) -> None:
        """Compare by the hash that the target reports of its slots."""
        wanted = read_mcuboot(image.data).hash

        async def compare(client: SMPClient) -> None:
            if not any(_hash(state) == wanted for state in await _states(client)):
                raise FlashFailed("no slot of the target holds the image")

        self._talk(compare)
        tell(1.0)

    def start(self, image: Image) -> None:
        """Mark it for a trial and reset."""
        wanted = read_mcuboot(image.data).hash

        async def begin(client: SMPClient) -> None:
            active = _active(await _states(client))
            if active is not None and _hash(active) == wanted:
                return
            marked = await client.request(ImageStatesWrite(hash=wanted, confirm=False))
            if not success(marked):
                raise FlashFailed(f"the target does not try the image: {_said(marked)}")
            await _reset(client)

        self._talk(begin)

    def runs(self, image: Image) -> bool | None:
        """Ask which slot is active, as soon as the target has started."""
        wanted = read_mcuboot(image.data).hash

        async def ask(client: SMPClient) -> bool:
            active = _active(await _states(client))
            return active is not None and _hash(active) == wanted

        return self._patiently(ask)

    def confirm(self, image: Image) -> None:
        """End the trial: from now on the image stays."""
        wanted = read_mcuboot(image.data).hash

        async def stay(client: SMPClient) -> None:
            done = await client.request(ImageStatesWrite(hash=wanted, confirm=True))
            if not success(done):
                raise FlashFailed(f"the target does not confirm the image: {_said(done)}")

        self._talk(stay)

    def revert(self, saved: Image | None, tell: Tell, stop: Stop) -> None:
        """Reset until no trial is left: MCUboot goes back from an image that was not confirmed."""

        async def back(client: SMPClient) -> bool:
            states = await _states(client)
            active = _active(states)
            if active is not None and active.confirmed and not any(s.pending for s in states):
                # What was only uploaded is in nobody's way; a target that can't erase it keeps it.
                await client.request(ImageErase(), timeout_s=_ERASE_S)
                return True
            await _reset(client)
            return False

        for _ in range(_RESETS):
            if self._patiently(back):
                tell(1.0)
                return
        raise FlashFailed("the target does not go back to its old image")

    def _talk(self, ask: Callable[[SMPClient], Coroutine[Any, Any, T]]) -> T:
        """Open the line, ask, close it; raises FlashFailed where nobody answers."""

        async def session() -> T:
            async with SMPClient(
                SmpLine(self._open_line()), self._settings.port, self._answer_s
            ) as client:
                return await ask(client)

        try:
            return asyncio.run(session())
        except PortError:
            raise
        except _LOST as error:
            raise FlashFailed(f"the target does not answer: {_said(error)}") from None

    def _patiently(self, ask: Callable[[SMPClient], Coroutine[Any, Any, T]]) -> T:
        """Ask again while the target starts."""
        until_s = time.monotonic() + self._boot_s
        while True:
            try:
                return self._talk(ask)
            except (FlashFailed, PortError):
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.2)


async def _states(client: SMPClient) -> list[ImageState]:
    told = await client.request(ImageStatesRead())
    if not success(told):
        raise FlashFailed(f"the target does not tell its images: {_said(told)}")
    return told.images


async def _reset(client: SMPClient) -> None:
    await client.request(ResetWrite())


def _active(states: list[ImageState]) -> ImageState | None:
    return next((state for state in states if state.active and not state.image), None)


def _hash(state: ImageState) -> bytes:
    return bytes(state.hash or b"")


def _said(what: object) -> str:
    return " ".join(str(what).split())[:200]
