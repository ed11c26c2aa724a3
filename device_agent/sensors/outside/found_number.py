"""Finds the one number in what a file, a program or a web server gave."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from device_agent.errors import SensorError
from device_agent.json_path import parse_path, walk
from device_agent.sensor_settings import TextValueSettings, ValueSettings
from device_agent.sensors.port import SensorDescription, Value

MAX_TEXT_BYTES: Final = 256 * 1024
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WORDS: Final = {"true": True, "on": True, "false": False, "off": False}
# A pattern of the operator's may take ages on a long text; a number stands near the beginning.
_PATTERN_CHARS: Final = 16_384


def finder(settings: TextValueSettings) -> Callable[[bytes], Value]:
    """Give the function that takes the value out of a text; it raises SensorError where there is none."""
    if settings.json:
        steps = parse_path(settings.json)
        return lambda raw: _in_json(raw, steps)
    pattern = re.compile(settings.pattern) if settings.pattern else _NUMBER
    return lambda raw: _in_text(raw, pattern)


def description(settings: ValueSettings, kind: str) -> SensorDescription[Value]:
    """Describe the metric; limits are told only when both are given."""
    is_limited = settings.low > float("-inf") and settings.high < float("inf")
    limits = (settings.low, settings.high) if is_limited else None

    def scaled(value: Value) -> Value:
        return value * settings.scale if isinstance(value, float) else value

    return SensorDescription(settings.name, settings.unit, kind, limits, scaled)


def _in_text(raw: bytes, pattern: re.Pattern[str]) -> Value:
    found = pattern.search(raw.decode("utf-8", errors="replace")[:_PATTERN_CHARS])
    text = found and (found[1] if pattern.groups else found[0])
    if text is None:
        raise SensorError("there is no number in it")
    return _value(text)


def _in_json(raw: bytes, steps: tuple[str | int, ...]) -> Value:
    try:
        found: Any = walk(json.loads(raw), steps)
    except (ValueError, RecursionError):
        raise SensorError("is not JSON") from None
    except LookupError as error:
        raise SensorError(str(error.args[0])) from None
    if isinstance(found, bool):
        return found
    if isinstance(found, int | float):
        try:
            return float(found)
        except OverflowError:
            raise SensorError("is too large a number") from None
    if isinstance(found, str):
        return _value(found)
    raise SensorError("what is there is no number")


def _value(text: str) -> Value:
    """Read a number, or a word that means yes or no."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return _WORDS[text.strip().lower()]
    except KeyError:
        raise SensorError(f"{text[:40]!r} is no number") from None
