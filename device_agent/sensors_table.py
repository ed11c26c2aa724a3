"""The table that ``forewarn-agent sensors`` prints."""

from collections.abc import Iterable

from device_agent.sampler import Taken
from device_agent.sensors.port import AnySource

_HEAD = ("name", "unit", "kind", "every", "value")


def sensors_table(sources: Iterable[AnySource], taken: Taken) -> str:
    """Give one row per metric; a sensor that gave nothing shows the reason instead of a value."""
    values = {
        reading.name: f"{reading.value:.6g}"
        if isinstance(reading.value, float)
        else str(reading.value)
        for reading in taken.readings
    }
    reasons = {str(event.detail["sensor"]): f"({event.detail['reason']})" for event in taken.events}
    rows = [_HEAD]
    for source in sources:
        for each in source.descriptions:
            shown = values.get(each.name) or reasons.get(each.name, "(nothing yet)")
            rows.append((each.name, each.unit or "-", each.kind, f"{source.period_s:g} s", shown))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
