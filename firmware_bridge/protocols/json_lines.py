"""One JSON object per line: ``{"temp": 21.5, "door": {"open": true}}``."""

from collections.abc import Iterator
from math import isfinite
from typing import Final

import msgspec

from firmware_bridge.messages.naming import clean_text
from firmware_bridge.protocols.fields import MAX_TEXT_CHARS, Field, Parsed

MAX_DEPTH: Final = 4
MAX_FIELDS: Final = 64
_DECODE: Final = msgspec.json.Decoder().decode


class JsonParser:
    """Objects become names joined by ``/``; ``{"value", "unit"}`` and ``{"name", "value"}`` are understood."""

    def parse(self, line: str) -> Parsed:
        """Read one line.

        >>> JsonParser().parse('{"in": {"t": 21.5}, "rpm": {"value": 3, "unit": "1/min"}}')
        [Field(name='in/t', value=21.5, unit=''), Field(name='rpm', value=3.0, unit='1/min')]
        """
        try:
            content = _DECODE(line)
        except (msgspec.MsgspecError, RecursionError):
            return None
        if not isinstance(content, dict):
            return None
        name = content.get("name")
        if isinstance(name, str) and "value" in content:
            content = {name: {"value": content["value"], "unit": content.get("unit", "")}}
        fields: list[Field] = []
        for found in _flat("", content, 0):
            if len(fields) == MAX_FIELDS:
                return None
            fields.append(found)
        return fields

    def forget(self) -> None:
        """Nothing is remembered."""


def _flat(name: str, content: object, depth: int) -> Iterator[Field]:
    if isinstance(content, dict | list) and depth < MAX_DEPTH:
        yield from _inside(name, content, depth)
    elif content is None:
        yield Field(name, None, "")
    elif isinstance(content, bool):
        yield Field(name, content, "")
    elif isinstance(content, int | float):
        yield from _number(name, content)
    elif isinstance(content, str) and len(content) <= MAX_TEXT_CHARS:
        yield Field(name, clean_text(content), "")


def _inside(name: str, content: dict[str, object] | list[object], depth: int) -> Iterator[Field]:
    if isinstance(content, dict) and "value" in content and set(content) <= {"value", "unit"}:
        unit = content.get("unit")
        for found in _flat(name, content["value"], MAX_DEPTH):
            yield found._replace(unit=unit if isinstance(unit, str) else "")
        return
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    for key, one in inner:
        yield from _flat(f"{name}/{key}" if name else str(key), one, depth + 1)


def _number(name: str, content: float) -> Iterator[Field]:
    try:
        value = float(content)
    except OverflowError:
        return
    if isfinite(value):
        yield Field(name, value, "")
