"""Contacts on GPIO lines: doors, floats, alarm outputs."""

from collections.abc import Callable
from functools import partial
from typing import Final

from device_agent.sensor_settings import LineSettings
from device_agent.sensors.board.gpio import InputLine, KernelInput
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

_DEADLINE_S: Final = 5.0


def sources(settings: LineSettings, _around: Around) -> list[AnySource]:
    """Read the contact's level."""
    open_line = partial(
        KernelInput,
        settings.chip,
        settings.line,
        active_low=settings.active_low,
        bias=settings.bias,
        debounce_ms=settings.debounce_ms,
        edges=False,
    )
    return [source(settings, open_line)]


def source(settings: LineSettings, open_line: Callable[[], InputLine]) -> Source[bool]:
    """Read a line that ``open_line`` gives; it is asked for once, and again after a failure."""
    row: SensorDescription[bool] = SensorDescription(
        settings.name, "", "contact", (0.0, 1.0), lambda is_active: is_active
    )
    held: list[InputLine] = []

    def read() -> bool:
        if not held:
            held.append(open_line())
        try:
            return held[0].is_active()
        except OSError:
            held.clear()
            raise

    return Source(settings.name, settings.period_s, read, (row,), _DEADLINE_S)
