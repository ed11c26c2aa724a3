"""A Modbus register map: which blocks to ask for, and values out of and into registers."""

import struct
from collections.abc import Sequence
from math import isfinite
from typing import Final, NamedTuple

from firmware_bridge.errors import CommandRefused
from firmware_bridge.messages.readings import Value
from firmware_bridge.protocols.settings import RegisterSettings

MAX_REGISTERS: Final = 125
MAX_BITS: Final = 2000
MAX_HOLE: Final = 4
"""Registers that nobody asked for are read along, up to so many, to save a request."""

FUNCTIONS: Final = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_FORMATS: Final = {
    "u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f", "u64": ">Q", "i64": ">q", "f64": ">d",
    "bool": ">H",
}  # fmt: skip


class Block(NamedTuple):
    """One request: registers that lie together."""

    function: int
    address: int
    quantity: int
    rows: tuple[RegisterSettings, ...]

    @property
    def answer_bytes(self) -> int:
        """Length of the right answer on the wire."""
        data = (self.quantity + 7) // 8 if self.function <= 2 else self.quantity * 2
        return 5 + data


def size(row: RegisterSettings) -> int:
    """How many registers (or bits) a value takes."""
    return 1 if FUNCTIONS[row.table] <= 2 else struct.calcsize(_FORMATS[row.type]) // 2


def blocks(rows: Sequence[RegisterSettings]) -> list[Block]:
    """Join what lies together into as few requests as possible."""
    found: list[Block] = []
    for row in sorted(rows, key=lambda r: (FUNCTIONS[r.table], r.address)):
        function, end = FUNCTIONS[row.table], row.address + size(row)
        limit = MAX_BITS if function <= 2 else MAX_REGISTERS
        last = found[-1] if found else None
        if (
            last is not None
            and last.function == function
            and row.address <= last.address + last.quantity + MAX_HOLE
            and end - last.address <= limit
        ):
            count = max(last.quantity, end - last.address)
            found[-1] = Block(function, last.address, count, (*last.rows, row))
        else:
            found.append(Block(function, row.address, size(row), (row,)))
    return found


def value(row: RegisterSettings, registers: Sequence[int]) -> Value | None:
    """Read one value; None where it is not a number.

    >>> value(RegisterSettings(name="t", address=0, type="i16", scale=0.1), [0xFFF6])
    -1.0
    """
    (raw,) = struct.unpack(
        _FORMATS[row.type], _ordered(row, struct.pack(f">{len(registers)}H", *registers))
    )
    if row.type == "bool":
        return bool(raw)
    scaled = float(raw * row.scale + row.offset)
    return round(scaled, 9) if isfinite(scaled) else None


def registers(row: RegisterSettings, wanted: float) -> list[int]:
    """Turn a value into what is written; raises CommandRefused when it doesn't fit."""
    raw: float = (wanted - row.offset) / row.scale if row.scale else wanted
    try:
        data = struct.pack(_FORMATS[row.type], raw if row.type[0] == "f" else round(raw))
    except (struct.error, OverflowError, ValueError):
        raise CommandRefused(f"{wanted} doesn't fit {row.name} ({row.type})") from None
    data = _ordered(row, data)
    return list(struct.unpack(f">{len(data) // 2}H", data))


def _ordered(row: RegisterSettings, data: bytes) -> bytes:
    """Between ABCD and the device's order; each order is its own inverse."""
    if row.byte_order in {"BADC", "DCBA"}:
        data = b"".join(data[n + 1 : n + 2] + data[n : n + 1] for n in range(0, len(data), 2))
    if row.byte_order in {"CDAB", "DCBA"}:
        data = b"".join(data[n : n + 2] for n in range(len(data) - 2, -1, -2))
    return data
