"""Zigbee2MQTT: `zigbee2mqtt/{friendly name}` with one JSON object, `…/availability` beside it.

A friendly name may have several levels. What is under `bridge/` is about the bridge, `…/set` and `…/get`
are requests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from device_agent.wire import WireError
from server.ingest.foreign import documents, words
from server.ingest.foreign.plain import Foreign, state
from server.ingest.foreign.said import Readings, Said

_UNITS: Final = {
    "temperature": "Cel", "local_temperature": "Cel", "device_temperature": "Cel",
    "occupied_heating_setpoint": "Cel", "current_heating_setpoint": "Cel", "soil_moisture": "%",
    "humidity": "%RH", "pressure": "hPa", "battery": "%EL", "power": "W", "current": "A",
    "energy": "kWh", "illuminance": "lx", "illuminance_lux": "lx", "co2": "ppm", "voc": "ppb",
    "pm25": "ug/m3", "ac_frequency": "Hz", "position": "%", "linkquality": "",
}  # fmt: skip
"""Zigbee2MQTT names the unit only in its bridge's list of devices; a `voltage` is V or mV by device."""
_WORDS_ABOUT: Final = frozenset({"last_seen", "elapsed", "update", "update_available", "device"})
_REQUESTS: Final = frozenset({"set", "get"})


def decode(heard: Foreign) -> list[Said]:
    """Raises WireError."""
    levels = heard.captures.get("rest", "").split("/")
    if levels[0] == "bridge" or _REQUESTS.intersection(levels[1:]):
        return []
    leaf = levels.pop() if levels[1:] and levels[-1] == "availability" else ""
    if not all(levels):
        raise WireError("topic", "names no device")
    named = replace(heard, captures={**heard.captures, "device": "/".join(levels)})
    if leaf:
        return state(named)
    if not heard.message.payload:
        return []  # a device that was removed: its retained message is taken away
    return _telemetry(named)


def _telemetry(heard: Foreign) -> list[Said]:
    document = documents.parse_object(heard.message.payload)
    readings, last_seen = Readings(heard.message.received_s), document.get("last_seen")
    if dated := last_seen is not None:
        readings.time_s = documents.moment(last_seen, heard.rule.zone)
    for path, value in documents.leaves(document):
        if path[0] not in _WORDS_ABOUT and value != "":
            heard.add(readings, words.metric(*path), value, _UNITS.get(path[-1], ""))
    return heard.says(readings, dated=dated)
