"""A protocol made of a framing and a parser of one line: what all text protocols share.

The microcontroller's own clock is used where a field of the line is named as it; a clock that went back is a reset.
The names that a device uses are bounded, because noise makes names too.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final
from typing import Protocol as Port

from firmware_bridge.errors import CommandRefused
from firmware_bridge.framing import cobs, slip
from firmware_bridge.framing.delimited import Delimited
from firmware_bridge.framing.tally import Tally
from firmware_bridge.link.clock import ClockMap
from firmware_bridge.messages.events import (
    Announced,
    CommandEnded,
    Event,
    McuReset,
    MetricInfo,
    Outcome,
)
from firmware_bridge.messages.naming import clean_unit, metric_name
from firmware_bridge.messages.readings import Readings, Value
from firmware_bridge.protocols.fields import Field, Parsed
from firmware_bridge.protocols.settings import TextSettings

MAX_METRICS: Final = 256
_QUEUE: Final = 16
_NOT_TEXT: Final[tuple[type[Exception], ...]] = (
    UnicodeDecodeError,
    slip.NotSlip,
    *cobs.DECODE_ERRORS,
)
_DECODERS: Final[dict[str, tuple[bytes, Callable[[bytes], bytes] | None]]] = {
    "lines": (b"\r\n", None),
    "slip": (b"\xc0", slip.decode),
    "cobs": (b"\0", cobs.decode),
}


class Parser(Port):
    """One way to read a line. May remember (a header); never raises."""

    def parse(self, line: str) -> Parsed:
        """Return the line's fields, or None if it is not understood."""

    def forget(self) -> None:
        """The stream begins anew."""


class TextProtocol:
    """Lines → readings. Commands go out as a line, where a form for them is set, and are not answered."""

    def __init__(self, parser: Parser, settings: TextSettings) -> None:
        self.wake_s = float("inf")
        self._parser = parser
        self._settings = settings
        self._tally = Tally()
        delimiters, self._decode = _DECODERS[settings.framing]
        self._splitter = Delimited(delimiters, settings.max_line_bytes, self._tally)
        self._metrics: dict[str, MetricInfo] = {}
        self._clock = ClockMap()
        self._out: deque[bytes] = deque()
        self._sent: list[str] = []

    @property
    def tally(self) -> Tally:
        """Running totals."""
        return self._tally

    def receive(self, data: bytes, at_s: float) -> list[Event]:
        """Take in bytes."""
        events: list[Event] = []
        for frame in self._splitter.feed(data):
            line = self._text(frame)
            parsed = None if line is None else self._parser.parse(line)
            if parsed is None:
                self._tally.bad += 1
                self._tally.dropped_bytes += len(frame)
                continue
            self._tally.frames += 1
            if parsed:
                events += self._readings(parsed, at_s)
        return events

    def tick(self, now_s: float) -> list[Event]:
        """Report commands that were written as done: there is no answer to wait for."""
        self.wake_s = float("inf")
        keys, self._sent = self._sent, []
        return [CommandEnded(now_s, key, Outcome.DONE, 0, "written; no answer") for key in keys]

    def take_outgoing(self, now_s: float) -> bytes:  # noqa: ARG002 - the port's
        """Return the next command's line."""
        return self._out.popleft() if self._out else b""

    def command(self, key: str, name: str, arguments: Sequence[int | str]) -> None:
        """Queue a command's line; raises CommandRefused."""
        form = self._settings.command_line
        if form is None:
            raise CommandRefused("no command_line is set for this port")
        words = [name, *map(str, arguments)]
        if any(not word.isascii() or not word.isprintable() or " " in word for word in words):
            raise CommandRefused("a command's words are visible ASCII without spaces")
        if len(self._out) >= _QUEUE:
            raise CommandRefused("too many commands are waiting")
        line = form.replace("{name}", name).replace("{args}", " ".join(words[1:])).strip()
        self._out.append(line.encode("ascii") + b"\n")
        self._sent.append(key)
        self.wake_s = 0.0

    def reopened(self, now_s: float) -> list[Event]:  # noqa: ARG002 - the port's
        """Forget a half line and a header."""
        self._splitter.forget()
        self._parser.forget()
        return []

    def _text(self, frame: bytes) -> str | None:
        try:
            text = (self._decode(frame) if self._decode else frame).decode("utf-8").strip()
        except _NOT_TEXT:
            return None
        return text if text.replace("\t", " ").isprintable() else None

    def _readings(self, parsed: list[Field], at_s: float) -> list[Event]:
        events: list[Event] = []
        ms = self._mcu_ms(parsed, at_s, events)
        time_s = at_s if ms is None else self._clock.utc_s(ms)
        names: list[str] = []
        values: list[Value] = []
        units: list[str] = []
        failed: list[str] = []
        known = len(self._metrics)
        for own_name, value, own_unit in parsed:
            name = metric_name(own_name)
            if name is None or own_name == self._settings.clock_field:
                continue
            unit = self._settings.units.get(name) or clean_unit(own_unit)
            if not self._know(name, unit, value):
                self._tally.unknown += 1
            elif value is None:
                failed.append(name)
            else:
                names.append(name)
                values.append(value)
                units.append(unit or self._metrics[name].unit)
        if len(self._metrics) > known:
            events.append(Announced(at_s, tuple(self._metrics.values())))
        if names or failed:
            clock = None if ms is None else [ms] * len(names)
            events.append(Readings(names, values, units, [time_s] * len(names), clock, failed))
        return events

    def _know(self, name: str, unit: str, value: Value | None) -> bool:
        if name in self._metrics:
            return True
        if len(self._metrics) >= MAX_METRICS:
            return False
        kind = (
            "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "gauge"
        )
        self._metrics[name] = MetricInfo(name, unit, kind, None, None, None)
        return True

    def _mcu_ms(self, parsed: list[Field], at_s: float, events: list[Event]) -> int | None:
        wanted = self._settings.clock_field
        if wanted is None:
            return None
        value = next((f.value for f in parsed if f.name == wanted), None)
        if not isinstance(value, float) or not 0 <= value < 2**32:
            return None
        last = self._clock.last_ms
        if last is not None and not self._clock.continues(int(value), at_s):
            self._clock = ClockMap()
            events.append(McuReset(at_s, "unknown", last / 1000.0))
        ms = self._clock.unwrap(int(value), at_s)
        self._clock.observe(ms, at_s)
        return ms
