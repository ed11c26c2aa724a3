"""Pulses on GPIO lines as a rate: flow meters, energy meters, rain gauges."""

from collections.abc import Callable
from functools import partial
from typing import Final

from device_agent.sensor_settings import PulseCounterSettings
from device_agent.sensors.board.gpio import InputLine, KernelInput
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source
from device_agent.sensors.rates import Rates

_DEADLINE_S: Final = 5.0


def sources(settings: PulseCounterSettings, around: Around) -> list[AnySource]:
    """Count the line's pulses."""
    open_line = partial(
        KernelInput,
        settings.chip,
        settings.line,
        active_low=settings.active_low,
        bias=settings.bias,
        debounce_ms=settings.debounce_ms,
        edges=True,
    )
    return [source(settings, around, open_line)]


def source(
    settings: PulseCounterSettings, around: Around, open_line: Callable[[], InputLine]
) -> Source[float | None]:
    """Count on a line that ``open_line`` gives; the first reading starts the count."""
    row: SensorDescription[float | None] = SensorDescription(
        settings.name, settings.unit, "rate", None, lambda rate: rate
    )
    rates = Rates(around.monotonic)
    held: list[InputLine] = []

    def read() -> float | None:
        if not held:
            held.append(open_line())
        try:
            pulses = held[0].pulses()
        except OSError:
            held.clear()
            raise
        per_second = rates.per_second({"pulses": pulses}).get("pulses")
        return None if per_second is None else round(per_second * settings.per_pulse, 6)

    return Source(settings.name, settings.period_s, read, (row,), _DEADLINE_S)
