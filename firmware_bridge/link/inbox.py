"""What the host does with each frame of a running conversation. Handlers raise Malformed for a bad body."""

from collections.abc import Callable
from typing import Final

from firmware_bridge.framing.tally import Tally
from firmware_bridge.link import bodies, samples
from firmware_bridge.link.clock import ClockMap
from firmware_bridge.link.commands import Commands
from firmware_bridge.link.table import MetricTable
from firmware_bridge.link.wire import Type
from firmware_bridge.messages.events import Announced, Event, McuEvent
from firmware_bridge.messages.naming import clean_text
from firmware_bridge.messages.readings import Readings

Send = Callable[[Type, bytes], None]
_FIRST_USER_EVENT: Final = 64


class Inbox:
    """Handlers by frame type, and what they must remember of this run of the microcontroller."""

    def __init__(self, table: MetricTable, commands: Commands, tally: Tally, send: Send) -> None:
        self.clock = ClockMap()
        self.mcu_dropped = 0
        """Samples that the microcontroller says it dropped."""
        self.mcu_bad = 0
        """Frames of ours that reached it damaged."""
        self.ponged: int | None = None
        """Token of the last PONG."""
        self._table = table
        self._commands = commands
        self._tally = tally
        self._send = send
        self._last_event: tuple[int, int] | None = None
        self.handlers: Final[dict[int, Callable[[bytes, float], list[Event]]]] = {
            Type.METRIC: self._metric,
            Type.SAMPLES: self._samples,
            Type.RUN: self._run,
            Type.EVENT: self._event,
            Type.RESULT: self._result,
            Type.PONG: self._pong,
        }

    def new_run(self) -> None:
        """The microcontroller was reset."""
        self.clock = ClockMap()
        self._last_event = None
        self.mcu_dropped = self.mcu_bad = 0

    def _metric(self, body: bytes, at_s: float) -> list[Event]:
        if self._table.add(bodies.decode_metric(body)):
            return [Announced(at_s, self._table.infos())]
        return []

    def _samples(self, body: bytes, at_s: float) -> list[Event]:
        columns = samples.decode_samples(body)
        if not columns.ms:
            return []
        first = columns.ms[0]
        shift = self.clock.unwrap(first & 0xFFFFFFFF, at_s) - first
        self.clock.observe(columns.ms[-1] + shift, at_s)
        return _kept(self._table.readings(columns, shift, self.clock, self._tally))

    def _run(self, body: bytes, at_s: float) -> list[Event]:
        run = samples.decode_run(body)
        start = self.clock.unwrap(run.clock, at_s)
        self.clock.observe(start + (len(run.raws) - 1) * run.step_us // 1000, at_s)
        return _kept(self._table.run(run, start, self.clock, self._tally))

    def _event(self, body: bytes, at_s: float) -> list[Event]:
        event = bodies.decode_event(body)
        self._send(Type.EVENT_ACK, bytes((event.number,)))
        if self._last_event == (event.number, event.clock):
            return []
        self._last_event = (event.number, event.clock)
        ms = self.clock.unwrap(event.clock, at_s)
        kind = bodies.EVENT_KINDS.get(event.kind)
        if kind is None:
            known = _FIRST_USER_EVENT <= event.kind <= 127
            kind = f"user_{event.kind}" if known else f"unknown_{event.kind}"
        text = clean_text(event.text)
        if kind in {"sensor_fault", "sensor_back"}:
            text = text or self._table.name(event.value)
        return [McuEvent(self.clock.utc_s(ms), kind, event.value, text, ms)]

    def _result(self, body: bytes, at_s: float) -> list[Event]:
        ended = self._commands.answer(bodies.decode_result(body), at_s)
        return [] if ended is None else [ended]

    def _pong(self, body: bytes, at_s: float) -> list[Event]:
        pong = bodies.decode_pong(body)
        self.clock.observe(self.clock.unwrap(pong.clock, at_s), at_s)
        self.mcu_dropped, self.mcu_bad = pong.dropped, pong.bad
        self.ponged = pong.token
        return []


def _kept(readings: Readings) -> list[Event]:
    return [readings] if readings.names or readings.failed else []
