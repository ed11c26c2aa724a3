"""Makes a command's output fit: what is too long is cut where it is longest, and says so."""

from typing import Final

from device_agent.commands.offer import Fields
from device_agent.wire import CommandResult, WireError, encode_result
from device_agent.wire.schema import MAX_FIELDS

MAX_OUTPUT_BYTES: Final = 16 * 1024
_CUT: Final = " … (cut)"
_ROUNDS: Final = 200


def fitting(result: CommandResult) -> CommandResult:
    """Give a result of at most MAX_OUTPUT_BYTES on the wire, or one that says why there is none."""
    output: Fields = dict(list(result.output.items())[:MAX_FIELDS])
    for _ in range(_ROUNDS):
        try:
            size = len(encode_result(CommandResult(result.id, result.status, output)))
        except WireError as error:
            if "larger" not in error.reason and "longer" not in error.reason:
                return CommandResult(result.id, "failed", {"reason": f"no sound answer: {error}"})
            size = MAX_OUTPUT_BYTES * 4
        if size <= MAX_OUTPUT_BYTES:
            return CommandResult(result.id, result.status, output)
        texts = {key: value for key, value in output.items() if isinstance(value, str)}
        longest = max(texts, key=lambda key: len(texts[key]), default=None)
        if longest is None or len(texts[longest]) <= 2 * len(_CUT):
            output.popitem()
        else:
            kept = texts[longest].removesuffix(_CUT)
            output[longest] = kept[: len(kept) * 2 // 3] + _CUT
    return CommandResult(result.id, "failed", {"reason": "its answer is too large"})
