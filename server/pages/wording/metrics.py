"""Names of measurements: `compressor/current` is "Compressor current" for people."""

from __future__ import annotations

import re
from gettext import NullTranslations

from server.pages.language.translations import N_

NAMES = {
    "battery/level": N_("Battery charge"),
    "battery/voltage": N_("Battery voltage"),
    "bearing/temperature": N_("Bearing temperature"),
    "board/throttled": N_("Computer slowed down"),
    "board/under_voltage": N_("Supply voltage too low"),
    "clock/error_bound": N_("Clock uncertainty"),
    "clock/offset": N_("Clock deviation"),
    "clock/synchronised": N_("Clock synchronised"),
    "compressor/current": N_("Compressor current"),
    "compressor/speed": N_("Compressor speed"),
    "condensing/pressure": N_("Condensing pressure"),
    "cpu/load_share": N_("Processor load"),
    "cpu/queue_per_core": N_("Programs waiting for the processor"),
    "cpu/temperature": N_("Processor temperature"),
    "cpu/waiting_share": N_("Processor waiting for the disk"),
    "discharge/pressure": N_("Discharge pressure"),
    "discharge/temperature": N_("Discharge temperature"),
    "disk/*/files_share": N_("Number of files"),
    "disk/*/free": N_("Free disk space"),
    "disk/*/read_only": N_("Disk is read-only"),
    "disk/*/used_share": N_("Disk usage"),
    "electrical/power": N_("Electrical power"),
    "fan/current": N_("Fan current"),
    "fan/speed": N_("Fan speed"),
    "flow": N_("Flow"),
    "host/uptime": N_("Running time"),
    "humidity": N_("Humidity"),
    "io/*/busy_share": N_("Disk load"),
    "io/*/read": N_("Read from disk"),
    "io/*/wait": N_("Disk waiting time"),
    "io/*/written": N_("Written to disk"),
    "memory/available": N_("Free memory"),
    "memory/oom_kills": N_("Programs ended for lack of memory"),
    "memory/used_share": N_("Memory usage"),
    "motor/current": N_("Motor current"),
    "motor/speed": N_("Motor speed"),
    "motor/temperature": N_("Motor temperature"),
    "network/*/faults": N_("Network faults"),
    "network/*/received": N_("Data received"),
    "network/*/sent": N_("Data sent"),
    "network/*/up": N_("Network connected"),
    "oil/temperature": N_("Oil temperature"),
    "outdoor/temperature": N_("Outdoor temperature"),
    "power": N_("Power"),
    "pressure": N_("Pressure"),
    "return/temperature": N_("Return temperature"),
    "room/humidity": N_("Room humidity"),
    "room/temperature": N_("Room temperature"),
    "suction/pressure": N_("Suction pressure"),
    "supply/temperature": N_("Supply temperature"),
    "swap/used_share": N_("Memory moved to disk"),
    "temperature": N_("Temperature"),
    "temperature/*": N_("Temperature"),
    "vibration/rms": N_("Vibration"),
    "voltage": N_("Voltage"),
    "water/flow": N_("Water flow"),
    "wear/*/errors": N_("Disk errors"),
    "wear/*/used_share": N_("Disk wear"),
}
"""`*` stands for one of several (disks, networks); which one is said in brackets."""

_COMPUTERS = frozenset({"board", "clock", "cpu", "disk", "host", "io", "memory", "swap", "wear"})
_TELLING = frozenset({"cpu", "memory", "disk", "temperature", "host"})

COMPONENTS = {
    "": N_("The device as a whole"),
    "battery": N_("Battery"),
    "clock": N_("Clock"),
    "board": N_("Circuit board"),
    "host": N_("Computer"),
    "io": N_("Disk"),
    "wear": N_("Disk"),
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
    if metric in NAMES and "*" not in metric:
        return catalogue.gettext(NAMES[metric])
    first, _, rest = metric.partition("/")
    which, _, last = rest.partition("/")
    known = NAMES.get(f"{first}/*/{last}" if last else f"{first}/*") if which else None
    return f"{catalogue.gettext(known)} ({which})" if known else _readable(metric)


def interest(metric: str) -> int:
    """0 for what a machine does, 1 for how a computer is, 2 for all else: lower is shown first."""
    first = metric.partition("/")[0]
    if metric in NAMES and first not in _COMPUTERS:
        return 0
    return 1 if first in _TELLING else 2


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
