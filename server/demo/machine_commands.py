"""What a simulated machine answers when it is told something, as an agent would."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from device_agent.wire import (
    Command,
    CommandResult,
    WireError,
    decode_command,
    encode_result,
)

_REMEMBERED: Final = 100


class MachineCommands:
    """Answers each command once; one that is told again gets the same answer again."""

    def __init__(self, firmware: str) -> None:
        self._firmware = firmware
        self._answered: OrderedDict[str, bytes] = OrderedDict()

    def answer(self, payload: bytes, latest: Mapping[str, float], *, now_s: float) -> bytes | None:
        """The result to publish, or None for what is no command; `latest` are its readings."""
        try:
            command = decode_command(payload)
        except WireError:
            return None
        if command.id not in self._answered:
            self._answered[command.id] = encode_result(self._do(command, latest, now_s))
            if len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
        return self._answered[command.id]

    def _do(self, command: Command, latest: Mapping[str, float], now_s: float) -> CommandResult:
        if now_s >= command.expires_s:
            return CommandResult(command.id, "expired")
        match command.name:
            case "read_now":
                return CommandResult(command.id, "done", dict(latest))
            case "diagnostics":
                return CommandResult(
                    command.id, "done", {"firmware": self._firmware, "metrics": len(latest)}
                )
            case _:
                reason = "a simulated machine knows read_now and diagnostics only"
                return CommandResult(command.id, "refused", {"reason": reason})
