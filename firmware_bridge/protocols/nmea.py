"""NMEA 0183: ``$GPRMC,…*6A``. The check sum is required; sentences as rows of a table."""

import re
from typing import Final, NamedTuple

from firmware_bridge.framing.crc import nmea_sum
from firmware_bridge.protocols.fields import Field, Parsed, number

_SENTENCE: Final = re.compile(r"[$!]([A-Z]{2})([A-Z]{3}),([ -)+-~]{0,120})\*([0-9A-Fa-f]{2})")
_MAX_GROUPS: Final = 8


class Cell(NamedTuple):
    """Where a sentence holds a metric. ``times`` turns its unit into ours."""

    at: int
    name: str
    unit: str
    times: float = 1.0
    when: tuple[int, str] | None = None
    """Only if that cell holds this text."""


_POSITION: Final = {"GGA": 1, "RMC": 2, "GLL": 0, "GNS": 1}
"""Where latitude stands; hemisphere, longitude and hemisphere follow."""

_CELLS: Final[dict[str, tuple[Cell, ...]]] = {
    "GGA": (
        Cell(5, "fix", ""), Cell(6, "satellites", "count"), Cell(7, "hdop", ""), Cell(8, "altitude", "m"),
    ),
    "RMC": (Cell(6, "speed", "m/s", 1852 / 3600), Cell(7, "course", "deg")),
    "GLL": (),
    "VTG": (Cell(0, "course", "deg"), Cell(4, "speed", "m/s", 1852 / 3600)),
    "HDT": (Cell(0, "heading", "deg"),),
    "HDG": (Cell(0, "heading_magnetic", "deg"),),
    "DBT": (Cell(2, "depth", "m"),),
    "DPT": (Cell(0, "depth", "m"),),
    "MTW": (Cell(0, "water_temperature", "Cel"),),
    "MWV": (
        Cell(0, "wind_angle", "deg"),
        Cell(2, "wind_speed", "m/s", 1.0, (3, "M")),
        Cell(2, "wind_speed", "m/s", 1852 / 3600, (3, "N")),
        Cell(2, "wind_speed", "m/s", 1 / 3.6, (3, "K")),
    ),
    "ROT": (Cell(0, "rate_of_turn", "deg/min"),),
    "RPM": (Cell(2, "rpm", "1/min"),),
}  # fmt: skip
_XDR_UNITS: Final = {
    "C": "Cel",
    "B": "bar",
    "P": "Pa",
    "D": "deg",
    "V": "V",
    "A": "A",
    "H": "Hz",
    "M": "m",
}


class NmeaParser:
    """Sentences that it has no row for are understood and give nothing."""

    def parse(self, line: str) -> Parsed:
        """Read one sentence.

        >>> NmeaParser().parse("$SDMTW,17.5,C*07")
        [Field(name='water_temperature', value=17.5, unit='Cel')]
        """
        match = _SENTENCE.fullmatch(line)
        if match is None or nmea_sum(line[1:-3].encode("ascii")) != int(match[4], 16):
            return None
        kind, cells = match[2], match[3].split(",")
        if kind == "XDR":
            return _transducers(cells)
        valid = not (kind == "RMC" and _cell(cells, 1) != "A") and not (
            kind == "GLL" and _cell(cells, 5) not in {"A", ""}
        )
        fields = _values(_CELLS.get(kind, ()), cells) if valid else []
        place = _POSITION.get(kind)
        if place is not None and valid:
            fields += _position(cells, place)
        return fields

    def forget(self) -> None:
        """Nothing is remembered."""


def _cell(cells: list[str], index: int) -> str:
    return cells[index] if index < len(cells) else ""


def _values(rows: tuple[Cell, ...], cells: list[str]) -> list[Field]:
    fields = []
    for row in rows:
        if row.when is not None and _cell(cells, row.when[0]) != row.when[1]:
            continue
        value = number(_cell(cells, row.at))
        if value is not None:
            fields.append(Field(row.name, value * row.times, row.unit))
    return fields


def _position(cells: list[str], at: int) -> list[Field]:
    latitude = _degrees(_cell(cells, at), _cell(cells, at + 1), "NS", 90.0)
    longitude = _degrees(_cell(cells, at + 2), _cell(cells, at + 3), "EW", 180.0)
    if latitude is None or longitude is None:
        return []
    return [Field("latitude", latitude, "lat"), Field("longitude", longitude, "lon")]


def _degrees(text: str, side: str, sides: str, limit: float) -> float | None:
    """``4807.038,N`` → 48.1173: degrees and minutes stand together."""
    value = number(text)
    if value is None or value < 0 or len(side) != 1 or side not in sides:
        return None
    whole, minutes = divmod(value, 100.0)
    degrees = whole + minutes / 60.0
    if minutes >= 60 or degrees > limit:
        return None
    return degrees if side == sides[0] else -degrees


def _transducers(cells: list[str]) -> list[Field]:
    fields = []
    for at in range(0, min(len(cells) - 3, 4 * _MAX_GROUPS), 4):
        _, text, unit, name = cells[at : at + 4]
        value = number(text)
        if value is not None and name:
            fields.append(Field(name, value, _XDR_UNITS.get(unit, unit)))
    return fields
