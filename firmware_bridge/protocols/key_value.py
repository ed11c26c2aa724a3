"""Pairs on a line: ``temp=21.5 hum=40%``, ``Temp: 21.5 C, Hum: 40``."""

import re
from typing import Final

from firmware_bridge.protocols.fields import Parsed, field

MAX_PAIRS: Final = 64
# Every repetition is bounded: a hostile line costs no more than a long one.
_KEY: Final = re.compile(r"[A-Za-z][\w ./()\-]{0,47}?\s{0,4}[=:]")
_PAIRS: Final = re.compile(r"\s{0,8}[,;|&\t]\s{0,8}|\s{1,8}(?=[A-Za-z_][\w./-]{0,47}\s{0,4}[=:])")


class KeyValueParser:
    """Every part of the line must be a pair, so that prose and noise are not mistaken for one."""

    def parse(self, line: str) -> Parsed:
        """Read one line.

        >>> KeyValueParser().parse("temp=21.5 hum=40%")
        [Field(name='temp', value=21.5, unit=''), Field(name='hum', value=40.0, unit='%')]
        """
        parts = [part for part in _PAIRS.split(line) if part]
        if not 0 < len(parts) <= MAX_PAIRS:
            return None
        fields = []
        for part in parts:
            key = _KEY.match(part)
            if key is None:
                return None
            found = field(key[0][:-1].strip(), part[key.end() :])
            if found is None:
                return None
            fields.append(found)
        return fields

    def forget(self) -> None:
        """Nothing is remembered."""
