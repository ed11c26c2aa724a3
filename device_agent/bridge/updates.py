"""Firmware updates of the microcontrollers on this device's serial lines.

One at a time for each line. The bridge lets the port go, the flasher has it, the bridge takes it back to hear whether the
new firmware speaks; what happened goes out as events. An update that was cut off goes on when the agent starts again.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from device_agent import log
from device_agent.bridge.bridges import Bridges, Heard, Open
from device_agent.serial_settings import SerialSettings
from device_agent.wire import DeviceEvent
from device_agent.wire.schema import Scalar
from device_agent.wire.text import clean
from firmware_bridge.errors import BridgeError, FlashFailed, Interrupted, PortError
from firmware_bridge.flash.catalogue import build_flasher
from firmware_bridge.flash.image import Image
from firmware_bridge.flash.journal import Entry, Journal
from firmware_bridge.flash.port import Flasher, Target
from firmware_bridge.flash.settings import FlashSettings
from firmware_bridge.flash.states import ENDS, State
from firmware_bridge.flash.update import Update

_LEND_S: Final = 10.0
_PORT_RETRY_S: Final = 5.0
_LOOK_S: Final = 0.1
_TOLD_SHARES: Final = (0.25, 0.5, 0.75)
_REASON_CHARS: Final = 300

Shown = Callable[[Entry, float], None]


class FirmwareUpdates:
    """Updates of the lines of ``bridges``; journals lie below ``directory``, a folder for each line."""

    def __init__(
        self,
        bridges: Bridges,
        directory: Path,
        *,
        open_port: Open,
        now: Callable[[], float],
        make_flasher: Callable[[FlashSettings], Flasher] = build_flasher,
        shown: Shown = lambda _entry, _share: None,
    ) -> None:
        self._bridges = bridges
        self._directory = directory
        self._open_port = open_port
        self._now = now
        self._make_flasher = make_flasher
        self._shown = shown
        self._lines = {each.name: each for each in bridges.settings if each.flash.method != "none"}
        self._busy = {name: threading.Lock() for name in self._lines}
        self._told: dict[str, float] = {}

    @property
    def lines(self) -> dict[str, SerialSettings]:
        """The lines whose firmware can be written."""
        return self._lines

    def journal(self, name: str) -> Journal:
        """The journal of a line."""
        return Journal(self._directory / name)

    def flasher(self, name: str) -> Flasher:
        """Make the flasher of a line; raises FlasherMissing or SettingsError."""
        return self._make_flasher(flash_settings(self._lines[name]))

    def check(self, name: str, image: Image) -> Target:
        """Ask the target what it is and compare with the image; writes nothing. Raises FlashError or PortError."""
        flasher = self.flasher(name)
        flasher.accepts(image)
        with self._line(name), self._borrowed(name):
            return flasher.identify()

    def run(self, name: str, image: Image, *, version: str = "", asked: str = "") -> Entry:
        """Carry an update to its end; raises FlashError or PortError where it did not begin, or waits in its journal."""
        flasher = self.flasher(name)
        flasher.accepts(image)
        with self._line(name):
            before = self._bridges.heard_of(name).firmware
            entry = Entry(asked, name, flasher.method, image.sha256, self._now(), version, before)
            with self._borrowed(name):
                update = self._update(name, flasher, entry)
                self._tell("begun", entry, {"before": before, "size_bytes": image.size_bytes})
                try:
                    ended = update.begin(entry, image)
                except BridgeError as error:
                    self._not_ended(name, error)
                    raise
            self._end(ended)
            return ended

    def resume_all(self) -> None:
        """Go on with what was cut off, each on a thread of its own; called once, at the start."""
        for name in self._lines:
            self._resume_later(name)

    def resume(self, name: str) -> Entry | None:
        """Go on with a line's update that was cut off, once its port is there; None: there is none, or the agent ends."""
        journal = self.journal(name)
        try:
            entry = journal.read()
        except FlashFailed as error:
            self._note("firmware_update_unknown", {"name": name, "reason": _short(error)})
            return None
        if entry is None or entry.state in ENDS:
            return None
        self._tell("resumed", entry, {"step": entry.state.value})
        while not self._bridges.leaving.is_set():
            try:
                with self._line(name), self._borrowed(name):
                    ended = self._update(name, self.flasher(name), entry).resume()
            except PortError as error:
                log.warning("firmware update waits for its port", name=name, reason=str(error))
                self._bridges.leaving.wait(_PORT_RETRY_S)
                continue
            except BridgeError as error:
                self._not_ended(name, error)
                return None
            if ended is not None:
                self._end(ended)
            return ended
        return None

    def _resume_later(self, name: str) -> None:
        threading.Thread(
            target=self.resume, args=(name,), name=f"update {name}", daemon=True
        ).start()

    def _update(self, name: str, flasher: Flasher, entry: Entry) -> Update:
        def told(now: Entry, share: float) -> None:
            self._shown(now, share)
            if now.state is State.WRITING:
                self._progress(now, share)

        self._told[name] = 0.0
        return Update(
            self.journal(name),
            flasher,
            prove=lambda: self._prove(name, entry.version),
            told=told,
            stop=self._bridges.leaving.is_set,
        )

    def _prove(self, name: str, version: str) -> str:
        """Listen whether the new firmware speaks: its greeting with the right version, or any reading."""
        within_s = self._lines[name].flash.prove_s
        before = self._bridges.heard_of(name)
        self._bridges.take_back(name)
        try:
            return self._heard(name, before, version, within_s)
        finally:
            if not self._bridges.leaving.is_set():
                self._lend(name)

    def _heard(self, name: str, before: Heard, version: str, within_s: float) -> str:
        greets = self._lines[name].protocol == "link"
        until_s = time.monotonic() + within_s
        while time.monotonic() < until_s:
            if self._bridges.leaving.wait(_LOOK_S):
                raise Interrupted("the agent ends")
            now = self._bridges.heard_of(name)
            if greets and now.greetings > before.greetings:
                if not version or now.firmware == version:
                    return ""
                return f"it says that it is {clean(now.firmware, 40)}, not {version}"
            elif not greets and now.readings > before.readings:
                return ""
        return f"nothing was heard of it within {within_s:g} s"

    @contextmanager
    def _line(self, name: str) -> Iterator[None]:
        if not self._busy[name].acquire(blocking=False):
            raise FlashFailed(f"an update of {name} runs already")
        try:
            yield
        finally:
            self._busy[name].release()

    @contextmanager
    def _borrowed(self, name: str) -> Iterator[None]:
        """The line's port for ourselves; raises PortError, which names who else has it."""
        self._lend(name)
        try:
            # Programs that write firmware know no lock: make sure that nobody else has the port.
            with_lock = self._open_port(_at(self._lines[name]))
            with_lock.open()
            with_lock.close()
            yield
        finally:
            self._bridges.take_back(name)

    def _lend(self, name: str) -> None:
        if not self._bridges.lend(name, _LEND_S):
            raise FlashFailed("the bridge did not let the port go")

    def _not_ended(self, name: str, error: BridgeError) -> None:
        """Tell of an update that did not come to an end: not begun, stopped, or its port went away."""
        entry = self.journal(name).read()
        if entry is None or entry.state in ENDS:
            self._note("firmware_update_refused", {"name": name, "reason": _short(error)})
            return
        self._tell("stopped", entry, {"step": entry.state.value, "reason": _short(error)})
        if isinstance(error, PortError):
            self._resume_later(name)

    def _end(self, ended: Entry) -> None:
        detail: dict[str, Scalar] = {"took_s": round(self._now() - ended.begun_s, 1)}
        if ended.state is State.DONE:
            after = self._bridges.heard_of(ended.name).firmware
            detail |= {"before": ended.before, "after": after or ended.version}
        else:
            detail["reason"] = clean(ended.reason, _REASON_CHARS)
        self._tell(ended.state.value, ended, detail)

    def _progress(self, entry: Entry, share: float) -> None:
        last = self._told.get(entry.name, 0.0)
        passed = [each for each in _TOLD_SHARES if last < each <= share]
        if passed:
            self._told[entry.name] = passed[-1]
            self._tell("progress", entry, {"step": entry.state.value, "share": passed[-1]})

    def _tell(self, what: str, entry: Entry, detail: dict[str, Scalar]) -> None:
        about: dict[str, Scalar] = {"name": entry.name, "method": entry.method}
        about |= {"version": entry.version, "sha256": entry.sha256, "asked": entry.id}
        self._note(f"firmware_update_{what}", about | detail)

    def _note(self, kind: str, detail: dict[str, Scalar]) -> None:
        self._bridges.note(DeviceEvent(kind, round(self._now(), 3), detail))


def flash_settings(line: SerialSettings) -> FlashSettings:
    """Give the library's settings for a line's table."""
    f = line.flash
    return FlashSettings(
        method=f.method,
        port=f.port or line.port,
        hardware=f.hardware,
        baud=f.baud or line.baud,
        max_bytes=f.max_bytes,
        address=f.address,
        programmer=f.programmer,
    )


def _at(line: SerialSettings) -> SerialSettings:
    return replace(line, port=line.flash.port or line.port)


def _short(error: BridgeError) -> str:
    return clean(str(error), _REASON_CHARS)
