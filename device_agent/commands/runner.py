"""Runs what the server asks: allowed names only, sound arguments, each id once, never after its time.

What is not run leaves nothing on disk, so that a flood of bad commands can't fill it; it is answered,
counted, and above a rate only counted.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from device_agent import log
from device_agent.commands.ledger import CommandLedger
from device_agent.commands.offer import ArgumentError, Fields, Offer, Then
from device_agent.commands.output_size import fitting
from device_agent.errors import CommandError, SpoolError
from device_agent.wire import (
    Command,
    CommandResult,
    DeviceEvent,
    WireError,
    decode_command,
    encode_result,
)
from device_agent.wire.pack import ABSOLUTE_FROM_S
from device_agent.wire.text import clean

_REFUSALS_ANSWERED: Final = 30
_REFUSALS_WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of a result, and what is done once they are safe."""

    payload: bytes
    act: Callable[[], None] | None = None


class CommandRunner:
    """Turns a command's bytes into its answer; ``report`` takes what the server should know besides."""

    def __init__(
        self,
        offers: Iterable[Offer],
        allowed: Collection[str],
        ledger: CommandLedger,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        report: Callable[[DeviceEvent], None],
        counts: Counter[str] | None = None,
    ) -> None:
        self._offers = {offer.name: offer for offer in offers if offer.name in allowed}
        self._ledger = ledger
        self._now = now
        self._monotonic = monotonic
        self._report = report
        self._window_s = monotonic()
        self._in_window = 0
        self.counts: Counter[str] = Counter() if counts is None else counts

    def run(self, payload: bytes) -> Answer | None:
        """Give the answer to send; None where there is nobody to answer, or the server asks again."""
        if self._now() < ABSOLUTE_FROM_S:
            # Nobody knows whether it has expired.
            log.warning("command put off", reason="the clock is not set")
            return None
        try:
            command = decode_command(payload)
        except WireError as error:
            self._refused("malformed", str(error))
            return None
        try:
            return self._answer(command)
        except SpoolError as error:
            # Not run: without a note on disk it could run twice. The server asks again.
            log.warning("command put off", id=command.id, reason=error)
            return None

    def _answer(self, command: Command) -> Answer | None:
        if self._ledger.was_begun(command.id):
            return self._again(command.id)
        if refusal := self._refusal(command):
            reason = str(refusal.output.get("reason", ""))
            if not self._refused(refusal.status, reason, command.name):
                return None
            return Answer(encode_result(refusal))
        self._ledger.begin(command.id, self._now(), command.expires_s)
        result, act = self._do(command)
        self.counts[result.status] += 1
        log.info("command", id=command.id, name=command.name, status=result.status)
        answer = encode_result(fitting(result))
        self._ledger.finish(command.id, answer)
        return Answer(answer, act)

    def _again(self, command_id: str) -> Answer:
        known = self._ledger.result(command_id)
        if known is not None:
            return Answer(known)
        interrupted: Fields = {"reason": "the agent ended while it ran"}
        return Answer(encode_result(CommandResult(command_id, "failed", interrupted)))

    def _refusal(self, command: Command) -> CommandResult | None:
        """Give the result of a command that must not run; None for one that may."""
        if command.expires_s <= self._now():
            return CommandResult(command.id, "expired")
        offer = self._offers.get(command.name)
        if offer is None:
            return CommandResult(command.id, "refused", {"reason": "not allowed on this device"})
        try:
            offer.check(command.args)
        except ArgumentError as error:
            return CommandResult(command.id, "refused", {"reason": clean(str(error), 500)})
        return None

    def _do(self, command: Command) -> tuple[CommandResult, Callable[[], None] | None]:
        try:
            found = self._offers[command.name].run(dict(command.args))
        except ArgumentError as error:
            return CommandResult(command.id, "refused", {"reason": clean(str(error), 500)}), None
        except CommandError as error:
            return CommandResult(command.id, "failed", {"reason": clean(str(error), 1000)}), None
        except Exception as error:  # noqa: BLE001 - whatever fails, the server gets an answer
            said = clean(f"{type(error).__name__}: {error}", 500)
            return CommandResult(command.id, "failed", {"reason": said}), None
        if isinstance(found, Then):
            return CommandResult(command.id, "done", found.output), found.act
        return CommandResult(command.id, "done", found), None

    def _refused(self, status: str, reason: str, name: str = "") -> bool:
        """Count a refusal; tell whether it is worth an answer, or one too many."""
        self.counts[status] += 1
        if self._monotonic() - self._window_s >= _REFUSALS_WINDOW_S:
            self._window_s, self._in_window = self._monotonic(), 0
        self._in_window += 1
        if self._in_window > _REFUSALS_ANSWERED:
            return False
        is_last = self._in_window == _REFUSALS_ANSWERED
        log.warning("command not run", name=name, status=status, reason=reason, last=is_last)
        if status == "malformed" or is_last:
            total = sum(self.counts[each] for each in ("malformed", "refused", "expired"))
            self._report(
                DeviceEvent(
                    "command_refused",
                    round(self._now(), 3),
                    {"reason": clean(reason, 200), "refused_since_start": total},
                )
            )
        return True
