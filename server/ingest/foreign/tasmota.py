"""Tasmota: `tele/{device}/SENSOR`, `…/STATE`, `…/LWT`, as its MQTT documentation describes them.

Its `Time` is local and says no zone: it counts only where the rule names one. What `stat/` says comes in
`tele/` too.
"""

from __future__ import annotations

from typing import Any, Final

from server.ingest.foreign import documents, words
from server.ingest.foreign.plain import Foreign, state
from server.ingest.foreign.said import Readings, Said

_UNITS: Final = {
    "temperature": "Cel", "dewpoint": "Cel", "humidity": "%RH", "pressure": "hPa",
    "sealevelpressure": "hPa", "power": "W", "apparentpower": "VA", "reactivepower": "VAr",
    "voltage": "V", "current": "A", "frequency": "Hz", "total": "kWh", "today": "kWh",
    "yesterday": "kWh", "illuminance": "lx", "carbondioxide": "ppm", "eco2": "ppm", "tvoc": "ppb",
    "distance": "cm", "speed": "km/h", "vcc": "V", "uptimesec": "s", "signal": "dBm", "heap": "kB",
}  # fmt: skip
"""By the last word of a path; SENSOR may name other units for temperature and pressure."""
_NOT_READINGS: Final = frozenset(
    {"Time", "TempUnit", "PressureUnit", "SpeedUnit", "TotalStartTime", "Uptime", "SSId", "BSSId"}
    | {"Downtime", "Sleep", "SleepMode", "Mode", "Id", "Hostname", "IPAddress"}
)


def decode(heard: Foreign) -> list[Said]:
    """Raises WireError."""
    match heard.captures.get("leaf"):
        case "LWT":
            return state(heard)
        case "SENSOR" | "STATE":
            return _telemetry(heard)
        case _:
            return []  # INFO1…, RESULT, MARGINS: about the firmware


def _telemetry(heard: Foreign) -> list[Said]:
    document = documents.parse_object(heard.message.payload)
    readings, zone = Readings(heard.message.received_s), heard.rule.zone
    if dated := zone is not None and "Time" in document:
        readings.time_s = documents.moment(document["Time"], zone)
    own = _own_units(document)
    for path, value in documents.leaves(document):
        if not _NOT_READINGS.intersection(path):
            word = next((w for w in reversed(path) if not w.isdigit()), "").lower()
            heard.add(readings, words.metric(*path), value, own.get(word) or _UNITS.get(word, ""))
    return heard.says(readings, dated=dated)


def _own_units(document: dict[str, Any]) -> dict[str, str]:
    temperature, pressure = document.get("TempUnit"), document.get("PressureUnit")
    given = {"temperature": temperature, "dewpoint": temperature, "pressure": pressure}
    return {name: text for name, text in given.items() if isinstance(text, str)}
