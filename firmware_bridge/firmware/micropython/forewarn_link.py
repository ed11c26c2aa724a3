# ruff: noqa: INP001  (the files of a board lie side by side, not in a package)
"""The link of a microcontroller with the bridge, for MicroPython: docs/link-protocol.md, version 1.

Copy it to the board with forewarn_frames.py. Knows no UART and no clock: bytes and the time are passed in, ``take()`` returns
what is to be sent. ``now_ms`` counts milliseconds since reset and wraps at 2**32 (``time.ticks_ms`` wraps earlier:
add up its ``ticks_diff``). MicroPython ignores annotations.
"""

import struct

from forewarn_frames import (  # type: ignore[import-not-found]  # beside this file on the board
    Metric,
    Samples,
    crc16,
    decode,
    encode,
    text_field,
)

try:  # noqa: SIM105  (neither module is there in MicroPython)
    from collections.abc import Callable
except ImportError:
    pass

VERSION = 1
UNKNOWN, POWER_ON, EXTERNAL, BROWN_OUT, WATCHDOG, SOFTWARE, ASSERT = 0, 1, 2, 3, 4, 5, 6
SENSOR_FAULT, SENSOR_BACK, OVERRUN, LOG = 4, 5, 6, 7
ACK, NO_SUCH_COMMAND, BAD_ARGUMENTS, BUSY, FAILED = 0, 1, 2, 3, 4

_HELLO, _METRIC, _SAMPLES, _EVENT, _RESULT, _PONG = 0x01, 0x02, 0x03, 0x05, 0x06, 0x07
_WHO, _WELCOME, _DESCRIBE, _EVENT_ACK, _COMMAND, _PING = 0x41, 0x42, 0x43, 0x44, 0x45, 0x46
_LISTENING, _RUNNING = "listening", "running"
_WIRE_MAX, _RX_GAP_MS = 126, 0
_HELLO_EVERY_MS, _ONE_WAY_EVERY_MS, _EVENT_EVERY_MS = 1000, 60000, 1000
_HOST_LOST_MS, _FLUSH_MS = 30000, 250
_EVENTS_MAX, _OUT_MAX_BYTES = 8, 2048


class Refused(Exception):
    """A command's answer if it was not done; ``status`` BAD_ARGUMENTS, BUSY (``value``: wait in ms) or FAILED."""

    def __init__(self, status: int, value: int = 0, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.value = value
        self.text = text


class Link:
    """One end of the line. ``commands``: name → function of a list of ints that returns an int or raises `Refused`."""

    def __init__(
        self,
        model: str,
        firmware: str,
        metrics: "list[Metric]",
        commands: "dict[str, Callable[[list[int]], int]]",
        *,
        reset: int = UNKNOWN,
        one_way: bool = False,
        now_ms: int = 0,
    ) -> None:
        self.dropped = self.bad = self.unknown = self.lost = 0
        self.sessions = 0
        self._metrics = [bytes((n,)) + metric.tail for n, metric in enumerate(metrics)]
        self._commands = commands
        self._names = text_field(model, 24) + text_field(firmware, 16)
        self._table_crc = crc16(b"".join(self._metrics))
        self._one_way = one_way
        self._reset = reset
        self._fresh = self._lead = True
        self._sent = 0
        self._expected = -1
        self._rx = b""
        self._out = b""
        self._samples = Samples()
        self._events: list[bytes] = []
        self._event_number = 0
        self._event_sent_ms = -1
        self._result: tuple[int, int, int] | None = None
        self._heard_ms = self._hello_ms = self._filled_ms = self._now_ms = now_ms
        self._unreported = 0
        self._state = _LISTENING
        self._rules = {
            (_LISTENING, _WHO): self._on_who,
            (_RUNNING, _WHO): self._on_who,
            (_LISTENING, _WELCOME): self._on_welcome,
            (_RUNNING, _DESCRIBE): self._on_describe,
            (_RUNNING, _EVENT_ACK): self._on_event_ack,
            (_RUNNING, _COMMAND): self._on_command,
            (_RUNNING, _PING): self._on_ping,
        }
        if one_way:
            self._introduce()
        else:
            self._listen()

    @property
    def running(self) -> bool:
        """Whether the bridge listens: samples are taken."""
        return self._state == _RUNNING

    def receive(self, data: bytes, now_ms: int) -> None:
        """Take what the UART received; runs the commands that it completes."""
        self._now_ms = now_ms
        if self._one_way:
            return
        first = True
        for part in data.split(b"\0"):
            if not first:
                self._on_wire()
                self._rx = b""
            first = False
            # One byte more than fits is enough to know that it is too long.
            self._rx = (self._rx + part)[:_WIRE_MAX]

    def tick(self, now_ms: int) -> None:
        """Run the timers; call it at least every 100 ms."""
        self._now_ms = now_ms
        if self._one_way:
            if self._since(self._hello_ms) >= _ONE_WAY_EVERY_MS:
                self._introduce()
        elif self._state == _LISTENING:
            if self._since(self._hello_ms) >= _HELLO_EVERY_MS:
                self._lead = True
                self._listen()
        elif self._since(self._heard_ms) >= _HOST_LOST_MS:
            self._listen()
        if not self.running:
            return
        if self._samples.body and self._since(self._filled_ms) >= _FLUSH_MS:
            self._flush()
        if self._unreported and not self._events:
            self.event(OVERRUN, self._unreported, "", now_ms)
            self._unreported = 0
        self._send_event()

    def take(self) -> bytes:
        """Return what is to be sent now."""
        out, self._out = self._out, b""
        return out

    def sample(self, metric: int, raw: "int | None", now_ms: int) -> bool:
        """Give a raw value, or None: the sensor failed. False: dropped, nobody listens or takes the bytes."""
        self._now_ms = now_ms
        if (
            not self.running
            or not 0 <= metric < len(self._metrics)
            or len(self._out) > _OUT_MAX_BYTES
        ):
            self.dropped = min(self.dropped + 1, 0xFFFF)
            self._unreported += self.running
            return False
        if not self._samples.body or not self._samples.add(metric, now_ms, raw):
            if self._samples.body:
                self._flush()
            self._samples.begin(now_ms)
            self._filled_ms = now_ms
            self._samples.add(metric, now_ms, raw)
        return True

    def event(self, kind: int, value: int, text: str, now_ms: int) -> bool:
        """Report something; repeated until it is acknowledged. False: the queue is full."""
        self._now_ms = now_ms
        if len(self._events) == _EVENTS_MAX:
            return False
        self._events.append(
            struct.pack("<BIi", kind, now_ms & 0xFFFFFFFF, value) + text_field(text, 24)
        )
        self._send_event()
        return True

    def _since(self, then_ms: int) -> int:
        return (self._now_ms - then_ms) & 0xFFFFFFFF

    def _say(self, kind: int, body: bytes) -> None:
        self._out += (b"\0" if self._lead else b"") + encode(kind, self._sent, body)
        self._lead = False
        self._sent = (self._sent + 1) & 0xFF

    def _listen(self) -> None:
        self._state = _LISTENING
        self._expected = -1
        self._say_hello()

    def _introduce(self) -> None:
        self._state = _RUNNING
        self._say_hello()
        for body in self._metrics:
            self._say(_METRIC, body)

    def _say_hello(self) -> None:
        self._hello_ms = self._now_ms
        flags = (1 if self._fresh else 0) | (2 if self._one_way else 0)
        fixed = struct.pack(
            "<BBBBBBBIH", VERSION, VERSION, flags, self._reset, len(self._metrics), _WIRE_MAX,
            _RX_GAP_MS, self._now_ms & 0xFFFFFFFF, self._table_crc,
        )  # fmt: skip
        self._say(_HELLO, fixed + self._names)

    def _flush(self) -> None:
        self._say(_SAMPLES, self._samples.body)
        self._samples.body = b""

    def _send_event(self) -> None:
        repeat = self._event_sent_ms >= 0
        if not self._events or not self.running:
            return
        if repeat and self._since(self._event_sent_ms) < _EVENT_EVERY_MS:
            return
        self._lead = self._lead or repeat
        self._say(_EVENT, bytes((self._event_number,)) + self._events[0])
        self._event_sent_ms = self._now_ms
        if self._one_way:
            self._next_event()

    def _next_event(self) -> None:
        self._events.pop(0)
        self._event_number = (self._event_number + 1) & 0xFF
        self._event_sent_ms = -1

    def _on_wire(self) -> None:
        if not self._rx:
            return
        frame = decode(self._rx) if len(self._rx) < _WIRE_MAX else None
        if frame is None:
            self.bad = min(self.bad + 1, 0xFFFF)
            return
        kind, seq, body = frame
        self._heard_ms = self._now_ms
        if self._expected >= 0:
            self.lost += (seq - self._expected) & 0xFF
        self._expected = (seq + 1) & 0xFF
        if not _WHO <= kind <= _PING:
            self.unknown += 1
            return
        rule = self._rules.get((self._state, kind))
        if rule is not None and not rule(body):
            self.bad = min(self.bad + 1, 0xFFFF)

    def _on_who(self, _body: bytes) -> bool:
        self._listen()
        return True

    def _on_welcome(self, body: bytes) -> bool:
        if len(body) < 2:
            return False
        if body[0] != VERSION:
            self._listen()
            return True
        self._state = _RUNNING
        self._fresh = False
        self._result = None
        self._event_sent_ms = -1
        self.sessions += 1
        if not body[1] & 1:
            for metric in self._metrics:
                self._say(_METRIC, metric)
        self._send_event()
        return True

    def _on_describe(self, body: bytes) -> bool:
        if body and body[0] < len(self._metrics):
            self._say(_METRIC, self._metrics[body[0]])
        return bool(body)

    def _on_event_ack(self, body: bytes) -> bool:
        if body and self._event_sent_ms >= 0 and body[0] == self._event_number:
            self._next_event()
            self._send_event()
        return bool(body)

    def _on_command(self, body: bytes) -> bool:
        length = body[1] if len(body) > 1 else 0
        args = body[2 + length :]
        if not 1 <= length <= 12 or len(body) < 2 + length or len(args) % 4 or len(args) > 16:
            return False
        text = ""
        if self._result is None or self._result[0] != body[0]:
            status, value, text = self._run(body[2 : 2 + length], args)
            self._result = (body[0], status, value)
        self._say(_RESULT, struct.pack("<BBi", *self._result) + text_field(text, 32))
        return True

    def _run(self, name: bytes, args: bytes) -> "tuple[int, int, str]":
        try:
            command = self._commands[name.decode("ascii")]
        except (KeyError, ValueError):
            return NO_SUCH_COMMAND, 0, ""
        try:
            return ACK, int(command(list(struct.unpack(f"<{len(args) // 4}i", args)))), ""
        except Refused as refused:
            return refused.status, refused.value, refused.text

    def _on_ping(self, body: bytes) -> bool:
        if body:
            clock_ms = self._now_ms & 0xFFFFFFFF
            self._say(_PONG, struct.pack("<BIHH", body[0], clock_ms, self.dropped, self.bad))
        return bool(body)
