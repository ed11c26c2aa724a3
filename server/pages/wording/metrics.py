"""Names of measurements: `compressor/current` is "Compressor current" for people."""

from __future__ import annotations

import re
from gettext import NullTranslations

from server.pages.layout.translations import N_

NAMES = {
    "battery/level": N_("Battery charge"),
    "battery/voltage": N_("Battery voltage"),
    "bearing/temperature": N_("Bearing temperature"),
    "compressor/current": N_("Compressor current"),
    "compressor/speed": N_("Compressor speed"),
    "condensing/pressure": N_("Condensing pressure"),
    "cpu/load": N_("Processor load"),
    "cpu/temperature": N_("Processor temperature"),
    "cpu/usage": N_("Processor load"),
    "cpu/utilisation": N_("Processor load"),
    "discharge/pressure": N_("Discharge pressure"),
    "discharge/temperature": N_("Discharge temperature"),
    "disk/free": N_("Free disk space"),
    "disk/usage": N_("Disk usage"),
    "disk/used": N_("Disk usage"),
    "electrical/power": N_("Electrical power"),
    "fan/current": N_("Fan current"),
    "fan/speed": N_("Fan speed"),
    "flow": N_("Flow"),
    "humidity": N_("Humidity"),
    "memory/available": N_("Free memory"),
    "memory/usage": N_("Memory usage"),
    "memory/used": N_("Memory usage"),
    "motor/current": N_("Motor current"),
    "motor/speed": N_("Motor speed"),
    "motor/temperature": N_("Motor temperature"),
    "network/received": N_("Data received"),
    "network/sent": N_("Data sent"),
    "oil/temperature": N_("Oil temperature"),
    "outdoor/temperature": N_("Outdoor temperature"),
    "power": N_("Power"),
    "pressure": N_("Pressure"),
    "return/temperature": N_("Return temperature"),
    "room/humidity": N_("Room humidity"),
    "room/temperature": N_("Room temperature"),
    "suction/pressure": N_("Suction pressure"),
    "supply/temperature": N_("Supply temperature"),
    "temperature": N_("Temperature"),
    "uptime": N_("Running time"),
    "vibration/rms": N_("Vibration"),
    "voltage": N_("Voltage"),
    "water/flow": N_("Water flow"),
}

COMPONENTS = {
    "": N_("The device as a whole"),
    "battery": N_("Battery"),
    "bearing": N_("Bearing"),
    "compressor": N_("Compressor"),
    "condensing": N_("Condenser"),
    "cpu": N_("Processor"),
    "discharge": N_("Discharge side"),
    "disk": N_("Disk"),
    "electrical": N_("Electrical system"),
    "fan": N_("Fan"),
    "memory": N_("Memory"),
    "motor": N_("Motor"),
    "network": N_("Network"),
    "oil": N_("Oil"),
    "outdoor": N_("Outdoor sensor"),
    "return": N_("Return side"),
    "room": N_("Room sensor"),
    "suction": N_("Suction side"),
    "supply": N_("Supply side"),
    "vibration": N_("Vibration sensor"),
    "water": N_("Water circuit"),
}


def metric_name(catalogue: NullTranslations, metric: str) -> str:
    """A known measurement's name, else the metric's own words made readable."""
    known = NAMES.get(metric) or NAMES.get(metric.replace("_", "/").lower())
    return catalogue.gettext(known) if known else _readable(metric)


def metric_names(catalogue: NullTranslations, metrics: list[str]) -> str:
    """As a list in words; at most three are named."""
    names = [metric_name(catalogue, metric) for metric in metrics[:3]]
    more = len(metrics) - len(names)
    return ", ".join(names) + (f" +{more}" if more else "")


def component_name(catalogue: NullTranslations, component: str) -> str:
    known = COMPONENTS.get(component)
    return catalogue.gettext(known) if known else _readable(component)


def _readable(name: str) -> str:
    words = " ".join(re.split(r"[\s/_.]+", name.strip("/_. ")))
    return words[:1].upper() + words[1:]
