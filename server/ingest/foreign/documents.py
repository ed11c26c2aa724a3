"""JSON of others: decoded within limits, and everything in it that can be a sample."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from device_agent.wire import MAX_PAYLOAD_BYTES, WireError
from device_agent.wire.text import clean

_MAX_DEPTH: Final = 8
_STEP: Final = re.compile(r"[^.\[\]]+|\[\d{1,4}\]")
# Later than the year 5138 in seconds: what is larger counts milliseconds.
_MILLISECONDS_FROM: Final = 1e11
_SWITCHES: Final = {"ON": True, "OFF": False, "on": True, "off": False}

Leaf = float | bool | str


def parse(payload: bytes) -> Any:
    """Raises WireError, and nothing else, for what is no JSON."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError("payload", f"larger than {MAX_PAYLOAD_BYTES} bytes")
    try:
        return msgspec.json.decode(payload)
    except (ValueError, RecursionError) as error:
        raise WireError("payload", f"is not JSON: {clean(str(error), 100)}") from None


def parse_object(payload: bytes) -> dict[str, Any]:
    """The same where only an object will do."""
    found = parse(payload)
    if not isinstance(found, dict):
        raise WireError("payload", "is not a JSON object")
    return found


def text(payload: bytes, *, limit_bytes: int = 4096) -> str:
    """A payload that is a bare word or number."""
    if len(payload) > limit_bytes:
        raise WireError("payload", f"longer than {limit_bytes} bytes")
    try:
        return payload.decode().strip()
    except UnicodeDecodeError:
        raise WireError("payload", "is not UTF-8") from None


def leaf(value: object) -> Leaf | None:
    """A number, a switch or a word; None for anything else, and for null."""
    if isinstance(value, bool | int | float):
        return value
    return _SWITCHES.get(value, value) if isinstance(value, str) else None


def bare(word: str) -> Leaf:
    """A word as a number where it is one: plain MQTT values come so.

    >>> bare("21.5"), bare("ON"), bare("idle"), bare("nan")
    (21.5, True, 'idle', 'nan')
    """
    if word in _SWITCHES:
        return _SWITCHES[word]
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", word):
        return float(word)
    return word


def leaves(document: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Leaf]]:
    """Every number, switch and word in it with its path, in order; lists are counted from 0."""
    if len(path) > _MAX_DEPTH:
        raise WireError("payload", f"is nested deeper than {_MAX_DEPTH}")
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from leaves(value, (*path, str(index)))
    elif (found := leaf(document)) is not None:
        yield path, found


def steps(path: str) -> tuple[str | int, ...]:
    """`a.b[0].c` in steps; raises ValueError for what is no path.

    >>> steps("ENERGY.Power[1]")
    ('ENERGY', 'Power', 1)
    """
    found = _STEP.findall(path)
    if not found or "".join(found) != path.replace(".", "") or ".." in path or path[-1] == ".":
        raise ValueError(f"{path!r} is not a path like ENERGY.Power or list[0].value")
    return tuple(int(step[1:-1]) if step[0] == "[" else step for step in found)


def at(document: object, path: tuple[str | int, ...]) -> object:
    """What lies there; None where nothing does."""
    for step in path:
        if isinstance(step, int):
            document = (
                document[step] if isinstance(document, list) and step < len(document) else None
            )
        else:
            document = document.get(step) if isinstance(document, dict) else None
    return document


def moment(value: object, zone: ZoneInfo | None = None) -> float:
    """Unix seconds of a number (seconds or milliseconds) or an ISO 8601 text; raises WireError.

    A text without a zone is in `zone`; without one it can't be understood.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) / 1000 if abs(value) >= _MILLISECONDS_FROM else float(value)
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
            if found.tzinfo is None:
                if zone is None:
                    raise WireError("t", f"{clean(value, 40)!r} has no time zone")
                found = found.replace(tzinfo=zone)
            return found.astimezone(UTC).timestamp()
        except (ValueError, OverflowError) as error:
            if isinstance(error, WireError):
                raise
    raise WireError("t", f"{clean(str(value), 40)!r} is not a time")
