"""Samples and waveforms: section 6 of docs/link-protocol.md. The loop here is the hot path of the whole bridge."""

import struct
from array import array
from itertools import accumulate
from sys import byteorder
from typing import Final, NamedTuple

from firmware_bridge.link.bodies import Malformed
from firmware_bridge.link.wire import MAX_BODY_BYTES

_RUN: Final = struct.Struct("<BBIIi")
_DT_LIMIT_MS: Final = 0xFFFF


class Columns(NamedTuple):
    """Parallel lists; ``ms`` is the frame's clock plus every ``dt``, raw None where the sensor failed."""

    metrics: list[int]
    ms: list[int]
    raws: list[int | None]


def wrap_i32(value: int) -> int:
    """Wrap as a 32-bit signed integer does."""
    return (value + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def decode_samples(body: bytes) -> Columns:
    """Decode SAMPLES; raises Malformed."""
    if len(body) < 4:
        raise Malformed("no clock")
    now = int.from_bytes(body[:4], "little")
    metrics: list[int] = []
    ms: list[int] = []
    raws: list[int | None] = []
    add_metric, add_ms, add_raw = metrics.append, ms.append, raws.append
    previous = [0] * 32
    at, end = 4, len(body)
    try:
        while at < end:
            head = body[at]
            at += 1
            if head & 0x80:
                now += body[at] | body[at + 1] << 8
                at += 2
            metric = head & 0x1F
            width = head & 0x60
            add_metric(metric)
            add_ms(now)
            if width == 0x20:
                step = body[at]
                at += 1
                raw = previous[metric] + (step - 256 if step > 127 else step)
            elif width == 0x40:
                step = body[at] | body[at + 1] << 8
                at += 2
                raw = previous[metric] + (step - 65536 if step > 32767 else step)
            elif width:
                raw = previous[metric] + int.from_bytes(body[at : at + 4], "little")
                at += 4
            else:
                add_raw(None)
                continue
            if not -0x80000000 <= raw <= 0x7FFFFFFF:
                raw = wrap_i32(raw)
            previous[metric] = raw
            add_raw(raw)
    except IndexError:
        raise Malformed("a record is cut") from None
    if at != end:
        raise Malformed("a record is cut")
    return Columns(metrics, ms, raws)


class Run(NamedTuple):
    """A waveform: equally spaced raw values of one metric."""

    metric: int
    clock: int
    step_us: int
    raws: list[int]


def decode_run(body: bytes) -> Run:
    """Decode RUN; raises Malformed."""
    if len(body) < _RUN.size:
        raise Malformed("shorter than its fixed fields")
    metric, width, clock, step_us, first = _RUN.unpack_from(body)
    tail = body[_RUN.size :]
    if metric > 31 or width not in {1, 2} or len(tail) % width:
        raise Malformed("a field of RUN is out of its range")
    steps = array("b" if width == 1 else "h", tail)
    if width == 2 and byteorder == "big":
        steps.byteswap()
    raws = list(accumulate(steps, initial=first))
    if min(raws) < -0x80000000 or max(raws) > 0x7FFFFFFF:
        raws = [wrap_i32(raw) for raw in raws]
    return Run(metric, clock, step_us, raws)


class SampleWriter:
    """Packs samples into bodies of SAMPLES as the firmware does; ``add`` returns a body when one is full."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._now = 0
        self._previous: dict[int, int] = {}

    def add(self, metric: int, ms: int, raw: int | None) -> bytes | None:
        """Add one sample; its time (unwrapped ms) must not be before the last one's."""
        record = self._record(metric, ms, raw)
        full = None
        if self._body and (record is None or len(self._body) + len(record) > MAX_BODY_BYTES):
            full = self.flush()
        if not self._body:
            self._body += (ms & 0xFFFFFFFF).to_bytes(4, "little")
            self._now = ms
            self._previous.clear()
            record = self._record(metric, ms, raw)
        assert record is not None
        self._body += record
        self._now = ms
        if raw is not None:
            self._previous[metric] = raw
        return full

    def flush(self) -> bytes:
        """Return what is collected (empty if nothing is) and begin anew."""
        body = bytes(self._body)
        self._body.clear()
        return body

    def _record(self, metric: int, ms: int, raw: int | None) -> bytes | None:
        dt = ms - self._now if self._body else 0
        if not 0 <= dt <= _DT_LIMIT_MS:
            return None
        head = metric | (0x80 if dt else 0)
        between = dt.to_bytes(2, "little") if dt else b""
        if raw is None:
            return bytes((head,)) + between
        step = wrap_i32(raw - self._previous.get(metric, 0) if self._body else raw)
        for code, size in ((0x20, 1), (0x40, 2), (0x60, 4)):
            if -(1 << 8 * size - 1) <= step < 1 << 8 * size - 1:
                value = step.to_bytes(size, "little", signed=True)
                return bytes((head | code,)) + between + value
        raise AssertionError("wrap_i32 keeps every step within four bytes")
