"""Comma (or otherwise) separated values, with a header line or with columns from the settings."""

import re
from typing import Final

from firmware_bridge.protocols.fields import Parsed, field
from firmware_bridge.protocols.settings import CsvSettings

MAX_COLUMNS: Final = 64
_HEADER: Final = re.compile(r"([A-Za-z][^()\[\]]{0,47}?)\s*(?:[(\[]([^()\[\]]{1,16})[)\]])?")


class CsvParser:
    """A line of names only is a header, also in the middle: the microcontroller started anew."""

    def __init__(self, settings: CsvSettings) -> None:
        self._delimiter = settings.delimiter
        self._given = [(name, "") for name in settings.columns]
        self._columns = list(self._given)

    def parse(self, line: str) -> Parsed:
        """Read one line.

        >>> csv = CsvParser(CsvSettings())
        >>> csv.parse("temp (C),rpm"), csv.parse("21.5,900")
        ([], [Field(name='temp', value=21.5, unit='C'), Field(name='rpm', value=900.0, unit='')])
        """
        cells = [cell.strip().strip('"') for cell in line.split(self._delimiter)]
        if len(cells) > MAX_COLUMNS:
            return None
        if not self._given and self._is_header(cells):
            return []
        if not self._columns or len(cells) != len(self._columns):
            return None
        fields = []
        for (name, unit), cell in zip(self._columns, cells, strict=True):
            found = field(name, cell or "nan", unit)
            if found is None:
                return None
            fields.append(found)
        if all(isinstance(f.value, str) for f in fields):
            return None  # a damaged header, or prose
        return fields

    def forget(self) -> None:
        """A header counts only for the stream that it began."""
        self._columns = list(self._given)

    def _is_header(self, cells: list[str]) -> bool:
        found = [_HEADER.fullmatch(cell) for cell in cells]
        names = [(m[1].strip(), m[2] or "") for m in found if m is not None]
        unlike = any(
            name.lower() in {"nan", "on", "off", "true", "false", "inf"} for name, _ in names
        )
        if unlike or len(names) != len(cells) or len({name for name, _ in names}) != len(names):
            return False
        if self._columns and len(names) != len(self._columns):
            return False
        self._columns = names
        return True
