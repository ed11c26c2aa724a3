"""Values as they stand in text: numbers, booleans, units behind numbers. Shared by every text protocol."""

import re
from math import isfinite
from typing import Final, NamedTuple

from firmware_bridge.messages.naming import clean_text
from firmware_bridge.messages.readings import Value

MAX_TEXT_CHARS: Final = 80
NUMBER: Final = r"[-+]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][-+]?\d{1,3})?"
_NUMBER: Final = re.compile(NUMBER)
_WITH_UNIT: Final = re.compile(rf"({NUMBER})\s{{0,4}}([^\d\s.,;=:+-][^\s,;=:]{{0,11}})?")
_FAILED: Final = frozenset({"nan", "null", "none", "inf", "-inf", "+inf", "n/a", "ovf", "-nan"})
_BOOLEANS: Final = {"true": True, "false": False, "on": True, "off": False}


class Field(NamedTuple):
    """One value of a line; None: the sensor gave none."""

    name: str
    value: Value | None
    unit: str


Parsed = list[Field] | None
"""None: not understood. Empty: understood, and nothing in it to measure (a header, a comment)."""


def number(text: str) -> float | None:
    """Return the number that a text is, or None.

    >>> number("-1.5e2"), number("0x10"), number("1e999")
    (-150.0, None, None)
    """
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if isfinite(value) else None


def field(name: str, text: str, unit: str = "") -> Field | None:
    """Read one value: a number (with a unit behind it), a boolean, a failed sensor, else a short text.

    >>> field("t", "21.5 °C")
    Field(name='t', value=21.5, unit='°C')
    """
    text = text.strip()
    plain = number(text)
    if plain is not None:
        return Field(name, plain, unit)
    found = _WITH_UNIT.fullmatch(text)
    if found is not None:
        value = number(found[1])
        return None if value is None else Field(name, value, unit or found[2] or "")
    lower = text.lower()
    if lower in _FAILED:
        return Field(name, None, unit)
    if lower in _BOOLEANS:
        return Field(name, _BOOLEANS[lower], "")
    if not text or len(text) > MAX_TEXT_CHARS or not text.isprintable():
        return None
    return Field(name, clean_text(text), "")
