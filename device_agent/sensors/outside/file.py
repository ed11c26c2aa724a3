"""A number that some other program keeps in a file: the simplest way to bring in anything."""

from pathlib import Path
from typing import Final

from device_agent.sensor_settings import FileSettings
from device_agent.sensors.outside.found_number import MAX_TEXT_BYTES, description, finder
from device_agent.sensors.port import AnySource, Around, Source, Value

# A named pipe or a file on a lost server blocks for ever.
_DEADLINE_S: Final = 5.0


def sources(settings: FileSettings, _around: Around) -> list[AnySource]:
    """Read the number in the file, times its scale."""
    path, find = Path(settings.path), finder(settings)

    def read() -> Value:
        with path.open("rb") as file:
            return find(file.read(MAX_TEXT_BYTES))

    row = description(settings, "file")
    return [Source(settings.name, settings.period_s, read, (row,), _DEADLINE_S)]
