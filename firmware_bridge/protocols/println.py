"""What an Arduino prints without a thought: ``21.5``, ``21.5, 40``, ``Temperature: 21.5 C``, plotter lines."""

import re
from typing import Final

from firmware_bridge.protocols.fields import Field, Parsed, number
from firmware_bridge.protocols.key_value import KeyValueParser
from firmware_bridge.protocols.settings import PrintlnSettings

MAX_NUMBERS: Final = 32
_BETWEEN: Final = re.compile(r"[,;\s]+")


class PrintlnParser:
    """Bare numbers get the names of the settings, else ``value`` or ``value_1``, ``value_2`` …"""

    def __init__(self, settings: PrintlnSettings) -> None:
        self._names = settings.names
        self._pairs = KeyValueParser()

    def parse(self, line: str) -> Parsed:
        """Read one line.

        >>> println = PrintlnParser(PrintlnSettings())
        >>> println.parse("21.5"), println.parse("ready")
        ([Field(name='value', value=21.5, unit='')], None)
        """
        parts = [part for part in _BETWEEN.split(line) if part]
        if not 0 < len(parts) <= MAX_NUMBERS:
            return None
        if self._names and len(parts) > len(self._names):
            return self._pairs.parse(line)
        fields = []
        for index, part in enumerate(parts):
            value = number(part)
            if value is None and part.lower() != "nan":
                return self._pairs.parse(line)
            fields.append(Field(self._name(index, len(parts)), value, ""))
        return fields

    def forget(self) -> None:
        """Nothing is remembered."""

    def _name(self, index: int, count: int) -> str:
        if self._names:
            return self._names[index]
        return "value" if count == 1 else f"value_{index + 1}"
