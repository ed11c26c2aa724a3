"""What speaks on a line, guessed from what was heard at several baud rates. Pure: bytes in, guesses out.

Each candidate really decodes the capture; its confidence is the share of frames that it understood, weighed by how
hard it is to understand noise that way (a check sum is hard, a bare number is not). The first and the last frame
don't count: the capture cut them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.framing.tally import Tally
from firmware_bridge.link.bodies import Malformed, decode_hello, decode_metric
from firmware_bridge.link.wire import KNOWN, FrameReader, Type
from firmware_bridge.messages.readings import Reading, Readings
from firmware_bridge.protocols.catalogue import build

BAUDS: Final = (115_200, 9_600, 57_600, 38_400, 19_200, 230_400, 460_800, 921_600, 4_800, 2_400)
"""In the order in which to listen: the most usual first."""

MAX_CAPTURE_BYTES: Final = 65_536
MAX_SHOWN: Final = 16
FEW_FRAMES: Final = 3
LEAST_CONFIDENCE: Final = 0.2
_FRAMINGS: Final = {"lines": b"\n", "slip": b"\xc0", "cobs": b"\0"}
_WEIGHTS: Final = {"json": 0.98, "nmea": 0.99, "csv": 0.93, "key_value": 0.9, "println": 0.75}
_SUM_WEIGHT: Final = 0.99


@dataclass(frozen=True, slots=True)
class Guess:
    """A protocol that may be spoken, with the settings `build` takes, and what it made of the capture."""

    baud: int
    protocol: str
    settings: dict[str, object]
    confidence: float
    frames: int
    not_understood: int
    understood: list[Reading] = field(default_factory=list)
    why: str = ""


def guess(captures: Mapping[int, bytes]) -> list[Guess]:
    r"""Return the likely protocols, best first; empty if nothing was understood.

    >>> best = guess({9600: b"mp=2\r\ntemp=21.5\r\ntemp=21.6\r\ntemp=21.5\r\ntem", 115200: b"\xf3\x80\x0c"})[0]
    >>> best.baud, best.protocol, [reading.value for reading in best.understood]
    (9600, 'key_value', [21.5, 21.6, 21.5])
    """
    found: list[Guess] = []
    for baud, heard in captures.items():
        capture = heard[:MAX_CAPTURE_BYTES]
        found += _link(baud, capture)
        for framing, delimiter in _FRAMINGS.items():
            first, last = capture.find(delimiter), capture.rfind(delimiter)
            if 0 <= first < last:
                found += _texts(baud, framing, capture[first : last + 1])
    likely = [g for g in found if g.confidence >= LEAST_CONFIDENCE]
    return sorted(likely, key=lambda g: (-g.confidence, -g.frames))


def _link(baud: int, capture: bytes) -> list[Guess]:
    first, last = capture.find(b"\0"), capture.rfind(b"\0")
    if first < 0:
        return []
    tally = Tally()
    # The first frame may be whole: its check sum tells, and a damaged one is not held against it.
    frames = FrameReader(tally).feed(capture[: last + 1])
    known = [f for f in frames if f.type in KNOWN]
    bad = max(tally.bad + tally.too_long - 1, 0) + len(frames) - len(known)
    if not known:
        return []
    names: list[str] = []
    for frame in known:
        try:
            if frame.type == Type.HELLO:
                hello = decode_hello(frame.body)
                names.insert(0, f"{hello.model} {hello.firmware}".strip())
            elif frame.type == Type.METRIC:
                names.append(decode_metric(frame.body).name)
        except Malformed:
            bad += 1
    why = f"{len(known)} frames of the right check sum" + (
        f": {', '.join(dict.fromkeys(names))}" if names else ""
    )
    confidence = _confidence(len(known), bad, _SUM_WEIGHT)
    return [Guess(baud, "link", {}, confidence, len(known), bad, why=why)]


def _texts(baud: int, framing: str, capture: bytes) -> list[Guess]:
    base: dict[str, object] = {} if framing == "lines" else {"framing": framing}
    candidates: list[tuple[str, dict[str, object]]] = [
        (name, base) for name in ("nmea", "json", "key_value", "println")
    ]
    lines = [line for line in capture.decode("latin-1").splitlines() if line.strip()]
    candidates += [("csv", base | extra) for extra in _csv_forms(lines)]
    found = []
    for name, settings in candidates:
        one = _try(baud, name, settings, capture)
        if one is not None:
            found.append(one)
    return found


def _try(baud: int, name: str, settings: dict[str, object], capture: bytes) -> Guess | None:
    protocol = build(name, settings)
    readings = [e for e in protocol.receive(capture, 0.0) if isinstance(e, Readings)]
    tally = protocol.tally
    bad = tally.bad + tally.too_long + tally.unknown
    if not readings:
        return None
    shown = [reading for event in readings for reading in event][:MAX_SHOWN]
    weight = _WEIGHTS[name]
    if all(isinstance(reading.value, str) for reading in shown):
        weight *= 0.5
    frames = len(readings)
    why = f"{frames} of {frames + bad} lines read as {name.replace('_', '=')}"
    return Guess(baud, name, settings, _confidence(frames, bad, weight), frames, bad, shown, why)


def _csv_forms(lines: list[str]) -> list[dict[str, object]]:
    """Delimiters that cut every line into the same number (two or more) of cells; names unless a header came."""
    forms: list[dict[str, object]] = []
    for delimiter in (",", ";", "\t"):
        counts = [line.count(delimiter) + 1 for line in lines]
        usual = max(set(counts), key=counts.count, default=1)
        if usual < 2 or usual > MAX_SHOWN:
            continue
        extra: dict[str, object] = {} if delimiter == "," else {"delimiter": delimiter}
        forms.append(extra)
        forms.append({**extra, "columns": [f"value_{n + 1}" for n in range(usual)]})
    return forms


def _confidence(good: int, bad: int, weight: float) -> float:
    share = good / (good + bad)
    few = 1.0 if good >= FEW_FRAMES else 0.6 + 0.1 * good
    return round(share * weight * few, 3)


Listen = Callable[[int, float], bytes]
"""Baud rate and seconds → what was heard; the caller owns the port."""


def survey(
    listen: Listen, bauds: tuple[int, ...] = BAUDS, seconds: float = 3.0, enough: float = 0.9
) -> list[Guess]:
    """Listen at one baud rate after the other until one guess is good enough; returns all guesses."""
    captures: dict[int, bytes] = {}
    for baud in bauds:
        captures[baud] = listen(baud, seconds)
        guesses = guess(captures)
        if guesses and guesses[0].confidence >= enough:
            return guesses
    return guess(captures)
