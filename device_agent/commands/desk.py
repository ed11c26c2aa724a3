"""The commands' own thread: whatever a command takes, sensing and sending go on beside it."""

import queue
import threading
from collections.abc import Callable
from typing import Final

from device_agent import log
from device_agent.commands.ledger import CommandLedger
from device_agent.commands.runner import CommandRunner
from device_agent.errors import CommandError
from device_agent.wire import DeviceEvent
from device_agent.wire.text import clean

_WAITING: Final = 100


class CommandDesk:
    """``take`` may be called from any thread; ``leaving`` is set when the agent ends."""

    def __init__(
        self,
        runner: CommandRunner,
        ledger: CommandLedger,
        *,
        leaving: threading.Event,
        answer: Callable[[bytes], None],
        report: Callable[[DeviceEvent], None],
        now: Callable[[], float],
    ) -> None:
        self._runner = runner
        self._ledger = ledger
        self._leaving = leaving
        self._answer = answer
        self._report = report
        self._now = now
        self._inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="commands", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def take(self, payload: bytes) -> None:
        """Queue a command; too many at once are left to the server, which asks again."""
        if self._inbox.qsize() < _WAITING:
            self._inbox.put(payload)

    def stop(self, within_s: float) -> None:
        """End after the command that runs now, if that is soon; what waits is asked again later."""
        self._leaving.set()
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join(within_s)
        if self._thread.is_alive():
            log.warning("a command still runs")
        else:
            self._ledger.close()

    def _work(self) -> None:
        while (payload := self._inbox.get()) is not None:
            if self._leaving.is_set():
                return
            try:
                self._serve(payload)
            except Exception as error:  # noqa: BLE001 - the desk outlives every command
                log.failure("a command broke its desk", error)

    def _serve(self, payload: bytes) -> None:
        answer = self._runner.run(payload)
        if answer is None:
            return
        self._answer(answer.payload)
        if answer.act is None:
            return
        try:
            answer.act()
        except (CommandError, OSError) as error:
            said = clean(str(error), 500)
            log.warning("command failed after its answer", reason=said)
            self._report(DeviceEvent("command_failed", round(self._now(), 3), {"reason": said}))
