"""The one list of what this agent can read: settings in, sources out.

Modules are loaded when they are needed: a source that is switched off or not configured costs nothing.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from device_agent import log
from device_agent.sensor_settings import SensorSettings
from device_agent.sensors.port import AnySource, Around

# The name of the setting → the module, in the order in which they are listed. Every module has a
# function `sources(settings, around)`; a repeated table calls it once for each.
MODULES: Final = {
    "cpu": "host.cpu",
    "memory": "host.memory",
    "disk": "host.disk",
    "disk_io": "host.disk_io",
    "wear": "host.wear",
    "temperature": "board.temperature",
    "throttling": "board.throttling",
    "network": "host.network",
    "wifi": "host.wifi",
    "clock": "host.clock",
    "uptime": "host.uptime",
    "units": "host.units",
    "hwmon": "board.hwmon",
    "iio": "board.iio",
    "one_wire": "board.one_wire",
    "process": "host.process",
    "serial_port": "host.serial_port",
    "certificate": "outside.certificate",
    "contact": "board.contact",
    "pulse_counter": "board.pulse_counter",
    "file": "outside.file",
    "exec": "outside.exec",
    "http": "outside.http",
    "modbus": "outside.modbus",
}

_Sources = Callable[[Any, Around], list[AnySource]]


def build_sources(
    settings: SensorSettings, monotonic: Callable[[], float], now: Callable[[], float]
) -> list[AnySource]:
    """Give every enabled source that this machine offers now."""
    around = Around(Path(settings.root), monotonic, now)
    found: list[AnySource] = []
    for name, module in MODULES.items():
        given = getattr(settings, name)
        for each in given if isinstance(given, tuple) else (given,):
            if getattr(each, "enabled", True):
                found += _found(name, module, each, around)
    return found


def _found(name: str, module: str, settings: object, around: Around) -> list[AnySource]:
    loaded = importlib.import_module(f"device_agent.sensors.{module}")
    try:
        return cast("_Sources", loaded.sources)(settings, around)
    except Exception as error:  # noqa: BLE001 - a machine that answers nonsense has one source less
        log.warning("source is left out", source=name, reason=error)
        return []
