"""Modbus RTU, as master of one device; pymodbus builds and reads the messages.

Theory of operation: one request is under way. An answer is recognised by its end: at every byte, the last ``n`` bytes
are tried as the answer expected (its length is known from the request) or as an exception of it. So noise before
an answer doesn't matter, and neither does how the stream was cut. What comes unasked is counted and dropped.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from firmware_bridge.errors import CommandRefused
from firmware_bridge.framing.tally import Tally
from firmware_bridge.messages.events import Announced, CommandEnded, Event, MetricInfo, Outcome
from firmware_bridge.messages.readings import Readings, Value
from firmware_bridge.protocols.registers import Block, blocks, registers, size, value
from firmware_bridge.protocols.settings import ModbusSettings

_QUEUE: Final = 16
_EXCEPTION_BYTES: Final = 5
_WRITE_ANSWER_BYTES: Final = 8
_READS: Final[dict[int, type[ModbusPDU]]] = {
    1: ReadCoilsRequest,
    2: ReadDiscreteInputsRequest,
    3: ReadHoldingRegistersRequest,
    4: ReadInputRegistersRequest,
}


@dataclass(slots=True)
class _Request:
    frame: bytes
    function: int
    answer_bytes: int
    block: Block | None
    key: str | None
    sendings: int = 0
    sent_s: float = float("-inf")


class ModbusProtocol:
    """Asks for all registers each period, block by block; commands go in between."""

    def __init__(self, settings: ModbusSettings) -> None:
        self._settings = settings
        self._tally = Tally()
        self._framer = FramerRTU(DecodePDU(is_server=False))
        self._blocks = blocks(settings.registers)
        self._polls: deque[Block] = deque()
        self._writes: deque[_Request] = deque()
        self._current: _Request | None = None
        self._tail = bytearray()
        self._out = b""
        self._polled_s = self._quiet_since_s = float("-inf")
        self._announced = False

    @property
    def tally(self) -> Tally:
        """Running totals; ``bad`` counts refusals and damaged answers, ``lost`` requests without one."""
        return self._tally

    @property
    def wake_s(self) -> float:
        """When the next request or the end of patience is due."""
        if self._out:
            return self._quiet_since_s
        if self._current is not None:
            return self._current.sent_s + self._settings.answer_s
        if self._polls or self._writes:
            return self._quiet_since_s + self._settings.gap_s
        return self._polled_s + self._settings.period_s

    def receive(self, data: bytes, at_s: float) -> list[Event]:
        """Take in bytes."""
        self._tally.received_bytes += len(data)
        events: list[Event] = []
        for index, byte in enumerate(data):
            at = self._current
            if at is None:
                self._tally.dropped_bytes += len(data) - index
                break
            tail = self._tail
            tail.append(byte)
            if len(tail) > max(at.answer_bytes, _EXCEPTION_BYTES):
                del tail[0]
                self._tally.dropped_bytes += 1
            for length, function in (
                (at.answer_bytes, at.function),
                (_EXCEPTION_BYTES, at.function | 0x80),
            ):
                if (
                    len(tail) >= length
                    and tail[-length] == self._settings.device
                    and (tail[1 - length] == function)
                ):
                    events += self._try(bytes(tail[-length:]), at, at_s)
                    if self._current is None:
                        break
        return events

    def tick(self, now_s: float) -> list[Event]:
        """Give up on an answer that is late, and send what is due."""
        events: list[Event] = []
        at = self._current
        if at is not None:
            if not _passed(at.sent_s, self._settings.answer_s, now_s):
                return events
            if at.sendings <= self._settings.retries:
                self._tally.repeated += 1
                self._write(at, now_s)
                return events
            self._tally.lost += 1
            events += self._failed(at, now_s, Outcome.NO_ANSWER, "no answer")
        if not self._polls and _passed(self._polled_s, self._settings.period_s, now_s):
            self._polled_s = now_s
            self._polls.extend(self._blocks)
        if _passed(self._quiet_since_s, self._settings.gap_s, now_s):
            if self._writes:
                self._write(self._writes.popleft(), now_s)
            elif self._polls:
                self._write(self._read(self._polls.popleft()), now_s)
        return events

    def take_outgoing(self, now_s: float) -> bytes:  # noqa: ARG002 - the port's
        """Return the request that is due."""
        out, self._out = self._out, b""
        return out

    def command(self, key: str, name: str, arguments: Sequence[int | str]) -> None:
        """Queue a write: the command is the register's name, the argument its value. Raises CommandRefused."""
        row = next((r for r in self._settings.registers if r.name == name and r.writable), None)
        if row is None or row.table not in {"holding", "coil"}:
            raise CommandRefused("no writable register of this name")
        if len(arguments) != 1 or len(self._writes) >= _QUEUE:
            raise CommandRefused("one value is needed" if len(arguments) != 1 else "too many wait")
        try:
            wanted = float(arguments[0])
        except ValueError:
            raise CommandRefused("the value is not a number") from None
        device = self._settings.device
        pdu: ModbusPDU
        if row.table == "coil":
            pdu = WriteSingleCoilRequest(address=row.address, bits=[wanted != 0], dev_id=device)
        else:
            words = registers(row, wanted)
            kind = WriteSingleRegisterRequest if len(words) == 1 else WriteMultipleRegistersRequest
            pdu = kind(address=row.address, registers=words, dev_id=device)
        frame = self._framer.buildFrame(pdu)
        self._writes.append(_Request(frame, pdu.function_code, _WRITE_ANSWER_BYTES, None, key))

    def reopened(self, now_s: float) -> list[Event]:
        """Drop what is under way; a command that was is unanswered."""
        at = self._current
        self._out = b""
        return (
            []
            if at is None
            else self._failed(at, now_s, Outcome.NO_ANSWER, "the port was reopened")
        )

    def _read(self, block: Block) -> _Request:
        kind = _READS[block.function]
        pdu = kind(address=block.address, count=block.quantity, dev_id=self._settings.device)
        return _Request(
            self._framer.buildFrame(pdu), block.function, block.answer_bytes, block, None
        )

    def _write(self, request: _Request, now_s: float) -> None:
        self._current = request
        request.sendings += 1
        request.sent_s = now_s
        self._tally.dropped_bytes += len(self._tail)
        self._tail.clear()
        self._out = request.frame

    def _try(self, frame: bytes, at: _Request, at_s: float) -> list[Event]:
        if not FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
            return []
        try:
            pdu = self._framer.decoder.decode(frame[1:-2])
        except ModbusException:
            pdu = None
        if pdu is None:
            self._tally.bad += 1
            return []
        if isinstance(pdu, ExceptionResponse):
            self._tally.bad += 1
            reason = f"Modbus exception {pdu.exception_code}"
            return self._failed(at, at_s, Outcome.REFUSED, reason)
        self._tally.frames += 1
        self._finish(at_s)
        if at.key is not None:
            return [CommandEnded(at_s, at.key, Outcome.DONE, 0, "")]
        assert at.block is not None
        return self._readings(at.block, pdu, at_s)

    def _finish(self, now_s: float) -> None:
        self._current = None
        self._tail.clear()
        self._quiet_since_s = now_s

    def _failed(self, at: _Request, now_s: float, outcome: Outcome, why: str) -> list[Event]:
        self._finish(now_s)
        if at.key is not None:
            return [CommandEnded(now_s, at.key, outcome, 0, why)]
        assert at.block is not None
        return [Readings([], [], [], [], None, [row.name for row in at.block.rows])]

    def _readings(self, block: Block, pdu: ModbusPDU, at_s: float) -> list[Event]:
        found: list[tuple[str, Value, str]] = []
        failed: list[str] = []
        for row in block.rows:
            start = row.address - block.address
            if block.function <= 2:
                found.append((row.name, bool(pdu.bits[start]), ""))
                continue
            one = value(row, pdu.registers[start : start + size(row)])
            if one is None:
                failed.append(row.name)
            else:
                found.append((row.name, one, row.unit))
        names, values, units = (
            (list(column) for column in zip(*found, strict=True)) if found else ([], [], [])
        )
        readings = Readings(names, values, units, [at_s] * len(names), None, failed)
        return [*self._announce(at_s), readings]

    def _announce(self, at_s: float) -> list[Event]:
        if self._announced:
            return []
        self._announced = True
        period_s = self._settings.period_s
        rows = self._settings.registers
        kinds = [
            "boolean" if r.type == "bool" or r.table in {"coil", "discrete"} else "gauge"
            for r in rows
        ]
        infos = (
            MetricInfo(row.name, row.unit, kind, period_s, None, None)
            for row, kind in zip(rows, kinds, strict=True)
        )
        return [Announced(at_s, tuple(infos))]


def _passed(since_s: float, wait_s: float, now_s: float) -> bool:
    return not since_s <= now_s < since_s + wait_s
