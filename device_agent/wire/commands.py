"""Commands to a device, and its answers.

On the wire a command is ``{id, name, args, expires}`` and a result ``{id, status, output}``.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from device_agent.wire.errors import WireError
from device_agent.wire.schema import (
    Scalar,
    check_fields,
    check_time,
    decode_object,
    encode_object,
)
from device_agent.wire.text import check_token

_NAME: Final = re.compile(r"[a-z0-9_.]{1,64}")


@dataclass(frozen=True, slots=True)
class Command:
    """Do ``name`` once, unless ``expires_s`` (unix seconds) has passed."""

    id: str
    name: str
    args: dict[str, Scalar]
    expires_s: float


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How the command with this id ended."""

    id: str
    status: Literal["done", "failed", "refused", "expired"]
    output: dict[str, Scalar] = field(default_factory=dict)


class _WireCommand(msgspec.Struct):
    id: str
    name: str
    expires: float
    args: dict[str, Scalar] = {}


_COMMAND: Final = msgspec.json.Decoder(_WireCommand)
_RESULT: Final = msgspec.json.Decoder(CommandResult)


def decode_command(payload: bytes) -> Command:
    """Decode a command; raises WireError only."""
    wire = decode_object(payload, _COMMAND)
    return _checked(Command(wire.id, wire.name, wire.args, wire.expires))


def encode_command(command: Command) -> bytes:
    """Encode a command; raises WireError for one that would not be accepted."""
    _checked(command)
    return encode_object(_WireCommand(command.id, command.name, command.expires_s, command.args))


def decode_result(payload: bytes) -> CommandResult:
    """Decode a result; raises WireError only."""
    return _checked_result(decode_object(payload, _RESULT))


def encode_result(result: CommandResult) -> bytes:
    """Encode a result; raises WireError for one that would not be accepted."""
    return encode_object(_checked_result(result))


def _checked(command: Command) -> Command:
    check_token("id", command.id)
    if _NAME.fullmatch(command.name) is None:
        raise WireError("name", "must be 1 to 64 of a-z 0-9 _ .")
    check_time("expires", command.expires_s)
    check_fields("args", command.args)
    return command


def _checked_result(result: CommandResult) -> CommandResult:
    check_token("id", result.id)
    check_fields("output", result.output)
    return result
