"""Commands of the host: one outstanding, repeated until answered. Section 7 of docs/link-protocol.md."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import CommandRefused
from firmware_bridge.framing.tally import Tally
from firmware_bridge.link.bodies import Result, Status, encode_command
from firmware_bridge.link.settings import LinkSettings
from firmware_bridge.messages.events import CommandEnded, Outcome
from firmware_bridge.messages.naming import clean_text

QUEUE: Final = 16
MAX_ARGUMENTS: Final = 4
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,11}")
_OVERHEAD_BYTES: Final = 6  # type, seq, CRC, COBS, delimiter
_REASONS: Final = {
    Status.NO_SUCH_COMMAND: (Outcome.REFUSED, "no such command"),
    Status.BAD_ARGUMENTS: (Outcome.REFUSED, "arguments refused"),
    Status.BUSY: (Outcome.REFUSED, "busy"),
    Status.FAILED: (Outcome.FAILED, "failed"),
}


@dataclass(slots=True)
class _Outstanding:
    key: str
    name: str
    arguments: list[int]
    number: int
    began_s: float
    sent_s: float = 0.0
    sendings: int = 0
    pause_s: float = 0.0
    """Not 0: the other end was busy; send again when so long has passed since ``sent_s``."""


class Commands:
    """The queue and the one that is under way. ``due`` gives what to send, ``answer`` takes what came."""

    def __init__(self, settings: LinkSettings, tally: Tally) -> None:
        self._settings = settings
        self._tally = tally
        self._waiting: deque[tuple[str, str, list[int]]] = deque()
        self._current: _Outstanding | None = None
        self._number = 0

    def add(self, key: str, name: str, arguments: Sequence[int | str], rx_max: int) -> None:
        """Queue a command; raises CommandRefused."""
        if len(self._waiting) >= QUEUE:
            raise CommandRefused("too many commands are waiting")
        if _NAME.fullmatch(name) is None:
            raise CommandRefused("a command's name is 1 to 12 of a-z 0-9 _")
        whole = [value for value in arguments if isinstance(value, int)]
        if len(whole) != len(arguments) or len(whole) > MAX_ARGUMENTS:
            raise CommandRefused(f"arguments are up to {MAX_ARGUMENTS} whole numbers")
        if any(not -(2**31) <= value < 2**31 for value in whole):
            raise CommandRefused("an argument has more than 32 bits")
        if len(encode_command(0, name, whole)) + _OVERHEAD_BYTES > rx_max:
            raise CommandRefused(f"longer than the {rx_max} bytes that it can receive")
        self._waiting.append((key, name, whole))

    def due(self, now_s: float) -> tuple[bytes | None, CommandEnded | None]:
        """Return a body to send now, and the command that ended for want of an answer."""
        ended = None
        at = self._current
        if at is not None:
            if not _passed(at.sent_s, at.pause_s or self._settings.answer_s, now_s):
                return None, None
            late = _passed(at.began_s, self._settings.patience_s, now_s)
            if not late and (at.pause_s or at.sendings < self._settings.sendings):
                return self._send(at, now_s), None
            outcome = Outcome.REFUSED if at.pause_s else Outcome.NO_ANSWER
            ended = self._end(now_s, outcome, 0, "busy" if at.pause_s else "")
        if not self._waiting:
            return None, ended
        key, name, arguments = self._waiting.popleft()
        self._current = _Outstanding(key, name, arguments, self._next_number(), now_s)
        return self._send(self._current, now_s), ended

    def answer(self, result: Result, now_s: float) -> CommandEnded | None:
        """Take a RESULT; returns the command that it ends, if it is the outstanding one."""
        at = self._current
        if at is None or result.number != at.number or at.pause_s:
            return None
        if result.status == Status.DONE:
            return self._end(now_s, Outcome.DONE, result.value, clean_text(result.text))
        if result.status == Status.BUSY:
            at.pause_s = min(max(result.value, 20), 5000) / 1000.0
            at.sent_s = now_s
            return None
        known = {int(status): reason for status, reason in _REASONS.items()}
        outcome, reason = known.get(result.status, (Outcome.FAILED, f"status {result.status}"))
        return self._end(now_s, outcome, result.value, clean_text(result.text) or reason)

    def abandon(self, now_s: float, outcome: Outcome) -> list[CommandEnded]:
        """End the outstanding command (reset, silence); those that were never sent too, as refused."""
        ended = []
        if self._current is not None:
            ended.append(self._end(now_s, outcome, 0, ""))
        if outcome is not Outcome.LOST_IN_RESET:
            for key, _, _ in self._waiting:
                ended.append(CommandEnded(now_s, key, Outcome.REFUSED, 0, "the link is down"))
            self._waiting.clear()
        return ended

    @property
    def wake_s(self) -> float:
        """When ``due`` wants to be asked next."""
        if self._current is not None:
            return self._current.sent_s + (self._current.pause_s or self._settings.answer_s)
        return 0.0 if self._waiting else float("inf")

    def _send(self, at: _Outstanding, now_s: float) -> bytes:
        if at.pause_s:
            at.number, at.pause_s, at.sendings = self._next_number(), 0.0, 0
        elif at.sendings:
            self._tally.repeated += 1
        at.sendings += 1
        at.sent_s = now_s
        return encode_command(at.number, at.name, at.arguments)

    def _end(self, now_s: float, outcome: Outcome, value: int, text: str) -> CommandEnded:
        assert self._current is not None
        ended = CommandEnded(now_s, self._current.key, outcome, value, text)
        self._current = None
        return ended

    def _next_number(self) -> int:
        number = self._number
        self._number = (number + 1) & 0xFF
        return number


def _passed(since_s: float, wait_s: float, now_s: float) -> bool:
    """Whether ``wait_s`` has passed; a clock that was set back counts as passed."""
    return not since_s <= now_s < since_s + wait_s
