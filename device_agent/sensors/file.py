"""A number that some other program keeps in a file: the simplest way to bring in anything."""

import re
from pathlib import Path
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensors.port import SensorDescription, Source
from device_agent.settings import FileSettings

_NUMBER: Final = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LOOK_BYTES: Final = 4096


def source(settings: FileSettings) -> Source[float]:
    """Read the first number in the file, times its scale."""
    is_limited = settings.low > float("-inf") and settings.high < float("inf")
    description: SensorDescription[float] = SensorDescription(
        settings.name,
        settings.unit,
        "file",
        (settings.low, settings.high) if is_limited else None,
        lambda number: number * settings.scale,
    )
    path = Path(settings.path)
    return Source(settings.name, settings.period_s, lambda: _first_number(path), (description,))


def _first_number(path: Path) -> float:
    with path.open("rb") as file:
        head = file.read(_LOOK_BYTES)
    found = _NUMBER.search(head)
    if found is None:
        raise SensorError("there is no number in the file")
    return float(found[0])
