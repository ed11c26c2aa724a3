"""``forewarn-agent bridge detect``: listens on a port, guesses what is spoken, writes the table for it."""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from device_agent.errors import AgentError
from device_agent.wire.text import clean
from firmware_bridge import BAUDS, BridgeError, Guess, Roots, Transport, list_ports, survey

Listening = Callable[[str, int], Transport]
_SHOWN = 6
_OTHERS = 3


class NothingFound(AgentError):
    """The port gave nothing that could be understood."""


def show_ports(roots: Roots | None = None) -> int:
    """Print this machine's serial ports."""
    found = list_ports(roots or Roots())
    for port in found:
        print(f"{port.device}  {clean(port.product, 60)}")
        for name in port.names:
            print(f"    {name}")
    if not found:
        print("no serial port is here")
    return 0


def detect(arguments: argparse.Namespace, listening: Listening | None = None) -> int:
    """Listen, print what was understood, and the table for it; raises AgentError."""
    if re.fullmatch(r"[a-z0-9_.-]{1,60}", arguments.name) is None:
        raise NothingFound("--name must be 1 to 60 of a-z 0-9 _ . -")

    def listen(baud: int, seconds: float) -> bytes:
        print(f"listening at {baud} baud for {seconds:g} s", file=sys.stderr)
        return _heard((listening or _serial)(arguments.port, baud), seconds)

    try:
        guesses = survey(listen, tuple(arguments.baud or BAUDS), arguments.seconds)
    except BridgeError as error:
        raise NothingFound(str(error)) from None
    if not guesses:
        raise NothingFound(
            "nothing was understood: is it powered, and does it speak without being asked? "
            "(Modbus devices do not: write their table by hand)"
        )
    table = table_for(guesses[0], arguments.port, arguments.name)
    _show(guesses)
    print(f"\n{table}", end="")
    if arguments.append:
        _append(arguments.append, table)
        print(f"\nadded to {arguments.append}")
    return 0


def table_for(guess: Guess, port: str, name: str) -> str:
    """Give the ``[[serial]]`` table that reads what was guessed."""
    rows: dict[str, Any] = {
        "name": name,
        "port": port,
        "protocol": guess.protocol,
        "baud": guess.baud,
        **guess.settings,
    }
    return "[[serial]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in rows.items())


def _show(guesses: list[Guess]) -> None:
    best = guesses[0]
    print(
        f"{best.protocol} at {best.baud} baud, {best.confidence:.0%} sure: {clean(best.why, 200)}"
    )
    for reading in best.understood[:_SHOWN]:
        print(f"    {reading.name} = {reading.value} {reading.unit}".rstrip())
    for other in guesses[1 : 1 + _OTHERS]:
        print(f"or {other.protocol} at {other.baud} baud, {other.confidence:.0%} sure")


def _append(path: Path, table: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{table}")
    except OSError as error:
        raise NothingFound(f"{path} can't be written: {error}") from None


def _heard(transport: Transport, seconds: float) -> bytes:
    heard = bytearray()
    end_s = time.monotonic() + seconds
    transport.open()
    try:
        while (left_s := end_s - time.monotonic()) > 0:
            heard += transport.read(min(left_s, 0.2))
    finally:
        with suppress(BridgeError):
            transport.close()
    return bytes(heard)


def _serial(port: str, baud: int) -> Transport:
    from firmware_bridge.transport.serial_port import PortSettings, SerialPort  # noqa: PLC0415

    return SerialPort(PortSettings(port, baud))
