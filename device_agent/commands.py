"""Runs what the server asks: allowed names only, each id once, never after its time."""

from collections.abc import Callable, Collection, Mapping

from device_agent import log
from device_agent.errors import SpoolError
from device_agent.ledger import CommandLedger
from device_agent.wire import Command, CommandResult, WireError, decode_command, encode_result
from device_agent.wire.schema import Scalar
from device_agent.wire.text import clean

Fields = dict[str, Scalar]
Handler = Callable[[Fields], Fields]


class ArgumentError(ValueError):
    """A command's arguments are not what it takes; its text goes back to the server."""


class CommandRunner:
    """Turns a command's bytes into the bytes of its result."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        allowed: Collection[str],
        ledger: CommandLedger,
        *,
        now: Callable[[], float],
    ) -> None:
        self._handlers = {name: run for name, run in handlers.items() if name in allowed}
        self._ledger = ledger
        self._now = now

    def run(self, payload: bytes) -> bytes | None:
        """Give the result to send; None for a message that is no command at all."""
        try:
            command = decode_command(payload)
        except WireError as error:
            log.warning("not a command", reason=error)
            return None
        try:
            return self._run_once(command)
        except SpoolError as error:
            # Not run: without a note on disk it could run twice. The server asks again.
            log.warning("command put off", id=command.id, reason=error)
            return None

    def _run_once(self, command: Command) -> bytes:
        if self._ledger.was_begun(command.id):
            known = self._ledger.result(command.id)
            if known is not None:
                return known
            interrupted: Fields = {"reason": "the agent ended while it ran"}
            return encode_result(CommandResult(command.id, "failed", interrupted))
        self._ledger.begin(command.id, self._now())
        result = self._result(command)
        log.info("command", id=command.id, name=command.name, status=result.status)
        try:
            answer = encode_result(result)
        except WireError as error:
            unfit: Fields = {"reason": f"its answer can't be sent: {error}"}
            answer = encode_result(CommandResult(command.id, "failed", unfit))
        self._ledger.finish(command.id, answer)
        return answer

    def _result(self, command: Command) -> CommandResult:
        if command.expires_s <= self._now():
            return CommandResult(command.id, "expired")
        handler = self._handlers.get(command.name)
        if handler is None:
            return CommandResult(command.id, "refused", {"reason": "not allowed on this device"})
        try:
            return CommandResult(command.id, "done", handler(command.args))
        except ArgumentError as error:
            return CommandResult(command.id, "refused", {"reason": clean(str(error))})
        except Exception as error:  # noqa: BLE001 - whatever fails, the server gets an answer
            said = clean(f"{type(error).__name__}: {error}")
            return CommandResult(command.id, "failed", {"reason": said})
