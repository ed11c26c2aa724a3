"""The microcontroller's end of the link in Python: a simulated one, for tests, demonstrations and other firmware to copy.

Behaves as the C library does: two states, one event repeated until acknowledged, the last command's answer kept,
samples dropped while nobody listens. Times are the microcontroller's own, in ms since its reset, unwrapped.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from firmware_bridge.framing.crc import crc16
from firmware_bridge.framing.tally import Tally
from firmware_bridge.link import bodies
from firmware_bridge.link.samples import SampleWriter
from firmware_bridge.link.wire import Frame, FrameReader, FrameWriter, Type

HELLO_EVERY_MS: Final = 1000
EVENT_EVERY_MS: Final = 1000
FLUSH_MS: Final = 1000
HOST_SILENCE_MS: Final = 30_000
EVENT_PLACES: Final = 2
_MASK: Final = 0xFFFFFFFF

Handler = Callable[[Sequence[int]], tuple[int, int]]
"""Arguments → (status, value) of the RESULT."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """What is burnt into the simulated chip."""

    metrics: tuple[bodies.Metric, ...]
    commands: dict[str, Handler] = field(default_factory=dict)
    model: str = "simulated"
    firmware: str = "1.0.0"
    reset: int = 1
    rx_max: int = 40
    rx_gap_ms: int = 0
    versions: tuple[int, int] = (1, 1)


class SimulatedMcu:
    """One chip from reset to reset. ``ms`` never goes back; bytes to send collect in ``take``."""

    def __init__(self, firmware: Firmware) -> None:
        self.tally = Tally()
        self.listening = True
        self.dropped = 0
        self._firmware = firmware
        self._reader = FrameReader(self.tally)
        self._writer = FrameWriter()
        self._samples = SampleWriter()
        self._out = bytearray()
        self._fresh = True
        self._hello_ms = -HELLO_EVERY_MS
        self._heard_ms = self._flushed_ms = self._event_ms = 0
        self._events: deque[bodies.EventBody] = deque()
        self._event_number = 0
        self._last_result: bodies.Result | None = None

    def take(self) -> bytes:
        """Return what goes onto the line."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def tick(self, ms: int) -> None:
        """Let time pass."""
        if self.listening:
            if ms - self._hello_ms >= HELLO_EVERY_MS:
                self._hello(ms)
            return
        if ms - self._heard_ms >= HOST_SILENCE_MS:
            self.listening = True
            self._hello(ms)
            return
        if self._events and ms - self._event_ms >= EVENT_EVERY_MS:
            self._event_ms = ms
            self._send(Type.EVENT, bodies.encode_event(self._events[0]))
        if ms - self._flushed_ms >= FLUSH_MS:
            self.flush(ms)

    def sample(self, metric: int, ms: int, raw: int | None) -> None:
        """Measure; dropped as long as nobody listens."""
        if self.listening:
            self.dropped = min(self.dropped + 1, 0xFFFF)
            return
        full = self._samples.add(metric, ms, raw)
        if full is not None:
            self._send(Type.SAMPLES, full)

    def flush(self, ms: int) -> None:
        """Send the samples collected so far."""
        self._flushed_ms = ms
        body = self._samples.flush()
        if body:
            self._send(Type.SAMPLES, body)

    def event(self, kind: int, ms: int, value: int = 0, text: str = "") -> None:
        """Report something; dropped when both places are taken."""
        if len(self._events) < EVENT_PLACES:
            self._events.append(bodies.EventBody(self._event_number, kind, ms & _MASK, value, text))
            self._event_number = (self._event_number + 1) & 0xFF
            self._event_ms = ms - EVENT_EVERY_MS if len(self._events) == 1 else self._event_ms

    def receive(self, data: bytes, ms: int) -> None:
        """Take in what the host sent."""
        for frame in self._reader.feed(data):
            if frame.type in {t for t in Type if t >= Type.WHO}:
                self._heard_ms = ms
                self._handle(frame, ms)
            else:
                self.tally.unknown += 1

    def _handle(self, frame: Frame, ms: int) -> None:
        body = frame.body
        if frame.type == Type.WHO:
            self.listening = True
            self._hello(ms)
        elif frame.type == Type.WELCOME and len(body) >= 2:
            self._welcome(body, ms)
        elif self.listening or not body:
            return
        elif frame.type == Type.DESCRIBE and body[0] < len(self._firmware.metrics):
            self._send(Type.METRIC, bodies.encode_metric(self._firmware.metrics[body[0]]))
        elif frame.type == Type.EVENT_ACK:
            if self._events and self._events[0].number == body[0]:
                self._events.popleft()
                self._event_ms = ms - EVENT_EVERY_MS
        elif frame.type == Type.PING:
            pong = bodies.Pong(body[0], ms & _MASK, self.dropped, min(self.tally.bad, 0xFFFF))
            self._send(Type.PONG, bodies.encode_pong(pong))
        elif frame.type == Type.COMMAND:
            self._command(body)

    def _welcome(self, body: bytes, ms: int) -> None:
        low, high = self._firmware.versions
        if not self.listening:
            return
        if not low <= body[0] <= high:
            self._hello(ms)
            return
        self.listening = self._fresh = False
        self._last_result = None
        self._flushed_ms = ms
        if not body[1] & 1:
            for metric in self._firmware.metrics:
                self._send(Type.METRIC, bodies.encode_metric(metric))

    def _command(self, body: bytes) -> None:
        try:
            number, name, arguments = bodies.decode_command(body)
        except bodies.Malformed:
            self.tally.bad += 1
            return
        if self._last_result is None or self._last_result.number != number:
            handler = self._firmware.commands.get(name)
            if handler is None:
                status, value = int(bodies.Status.NO_SUCH_COMMAND), 0
            else:
                status, value = handler(arguments)
            self._last_result = bodies.Result(number, status, value, "")
        self._send(Type.RESULT, bodies.encode_result(self._last_result))

    def _hello(self, ms: int) -> None:
        self._hello_ms = ms
        f = self._firmware
        table_crc = crc16(b"".join(bodies.encode_metric(m) for m in f.metrics))
        hello = bodies.Hello(
            *f.versions, int(self._fresh), f.reset, len(f.metrics), f.rx_max, f.rx_gap_ms,
            ms & _MASK, table_crc, f.model, f.firmware,
        )  # fmt: skip
        self._out += b"\0"
        self._send(Type.HELLO, bodies.encode_hello(hello))

    def _send(self, kind: Type, body: bytes) -> None:
        self._out += self._writer.frame(kind, body)


def reset(firmware: Firmware, reason: int) -> SimulatedMcu:
    """Start the chip anew, for a reason as in HELLO."""
    return SimulatedMcu(replace(firmware, reset=reason))
