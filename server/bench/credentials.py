"""Who the devices are: the JSON lines that `forewarn device add` and `forewarn device import` print."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from device_agent.wire import valid_device_id
from server.bench.errors import BenchError

_MOST_TOLD: Final = 120


class Credential(msgspec.Struct, frozen=True):
    """One device's way in; the username is its id."""

    device_id: str
    password: str


def read_credentials(lines: Iterable[bytes]) -> list[Credential]:
    """In the order of the lines; raises BenchError with the line's number and what is wrong there."""
    decoder = msgspec.json.Decoder(Credential)
    found: dict[str, Credential] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            credential = decoder.decode(line)
        except (ValueError, RecursionError) as error:
            raise BenchError(
                f"line {number} is no credentials line: {str(error)[:_MOST_TOLD]}"
            ) from None
        if not valid_device_id(credential.device_id):
            raise BenchError(f"line {number}: device_id must be 1 to 64 of A-Z a-z 0-9 _ -")
        if credential.device_id in found:
            raise BenchError(f"line {number}: {credential.device_id} stands there twice")
        found[credential.device_id] = credential
    if not found:
        raise BenchError("there are no credentials in it")
    return list(found.values())
