"""The Flux queries that InfluxDB is read with, as text. Times go in as Unix microseconds.

Raw samples: measurement, tags `device` and `metric`, field `value`. What the task of
`forewarn setup influx` writes: the same tags, fields `minimum`, `total`, `maximum` and `count` a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

STATISTICS: Final = ("first", "min", "mean", "max", "count")
"""Names of the results of `raw_buckets`."""

MINUTE_STATISTICS: Final = {"minimum": "min", "total": "sum", "maximum": "max", "count": "sum"}
"""Fields of the minutes, and what brings several of them together."""


def quoted(text: str) -> str:
    """A string literal of Flux."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def at(time_us: int) -> str:
    """A time literal."""
    return f"time(v: {time_us * 1000})"


def _samples(bucket: str, measurement: str, from_us: int, until_us: int, field: str) -> str:
    return (
        f"from(bucket: {quoted(bucket)})\n"
        f"    |> range(start: {at(from_us)}, stop: {at(until_us)})\n"
        f"    |> filter(fn: (r) => r._measurement == {quoted(measurement)} "
        f"and r._field == {quoted(field)})\n"
    )


def _of_devices(device_ids: Sequence[str]) -> str:
    """`or` of equalities: what storage can look up by its index."""
    each = " or ".join(f"r.device == {quoted(device_id)}" for device_id in device_ids)
    return f"    |> filter(fn: (r) => {each})\n"


def newest(bucket: str, measurement: str, device_ids: Sequence[str], until_us: int) -> str:
    """The last sample of each series."""
    return (
        _samples(bucket, measurement, 0, until_us, "value")
        + _of_devices(device_ids)
        + "    |> last()\n"
    )


def units(bucket: str, measurement: str, device_ids: Sequence[str], until_us: int) -> str:
    """When each (device, metric, unit) was announced last."""
    return (
        _samples(bucket, measurement, 0, until_us, "series")
        + _of_devices(device_ids)
        + "    |> last()\n"
    )


def times(bucket: str, measurement: str, device_id: str, from_us: int, until_us: int) -> str:
    """Every sample of a device in [from_us, until_us)."""
    return (
        _samples(bucket, measurement, from_us, until_us, "value")
        + _of_devices([device_id])
        + '    |> keep(columns: ["_time", "metric"])\n'
    )


def count(bucket: str, measurement: str, device_id: str | None, until_us: int) -> str:
    chosen = "" if device_id is None else _of_devices([device_id])
    return (
        _samples(bucket, measurement, 0, until_us, "value")
        + chosen
        + "    |> count()\n    |> group()\n    |> sum()\n"
    )


def position(bucket: str, measurement: str, stream: str, until_us: int) -> str:
    """The highest position written of a stream."""
    return (
        _samples(bucket, measurement, 0, until_us, "position")
        + f"    |> filter(fn: (r) => r.stream == {quoted(stream)})\n"
        + "    |> group()\n    |> max()\n"
    )


def _one(device_id: str, metric: str) -> str:
    return (
        f"    |> filter(fn: (r) => r.device == {quoted(device_id)} "
        f"and r.metric == {quoted(metric)})\n"
    )


def _window(origin_us: int, width_us: int) -> str:
    return f"    |> window(every: {width_us}us, offset: {origin_us % width_us}us)\n"


def raw_buckets(
    bucket: str,
    measurement: str,
    series: tuple[str, str],
    *,
    from_us: int,
    until_us: int,
    origin_us: int,
    width_us: int,
) -> str:
    """One result for each of STATISTICS, a row a window; the first's `_time` is its first sample's."""
    data = (
        "data = "
        + _samples(bucket, measurement, from_us, until_us, "value")
        + _one(*series)
        + _window(origin_us, width_us)
    )
    results = [
        f"data |> {name}() |> group() |> yield(name: {quoted(name)})\n" for name in STATISTICS
    ]
    return data + "\n" + "".join(results)


def minute_buckets(
    bucket: str,
    measurement: str,
    series: tuple[str, str],
    *,
    from_us: int,
    until_us: int,
    origin_us: int,
    width_us: int,
) -> str:
    """As `raw_buckets` from the minutes: one result for each of MINUTE_STATISTICS, and `first`."""
    query = ""
    for field, function in MINUTE_STATISTICS.items():
        query += (
            f"{field} = "
            + _samples(bucket, measurement, from_us, until_us, field)
            + _one(*series)
            + _window(origin_us, width_us)
            + f"{field} |> {function}() |> group() |> yield(name: {quoted(field)})\n\n"
        )
    return query + 'count |> first() |> group() |> yield(name: "first")\n'


def downsampling_task(name: str, source: str, target: str, measurement: str) -> str:
    """Every quarter of an hour: the minutes of the last day again, so that what came late is in them."""
    parts = []
    for field, function in (
        ("minimum", "min"),
        ("total", "sum"),
        ("maximum", "max"),
        ("count", "count"),
    ):
        parts.append(
            f"data\n    |> aggregateWindow(every: 1m, fn: {function}, createEmpty: false, "
            'timeSrc: "_start")\n'
            + ("    |> toFloat()\n" if field == "count" else "")
            + f'    |> set(key: "_field", value: {quoted(field)})\n'
            f"    |> to(bucket: {quoted(target)})\n"
        )
    return (
        f"option task = {{name: {quoted(name)}, every: 15m, offset: 1m}}\n\n"
        "since = date.truncate(t: -25h, unit: 1m)\n"
        "until = date.truncate(t: now(), unit: 1m)\n"
        f"data = from(bucket: {quoted(source)})\n"
        "    |> range(start: since, stop: until)\n"
        f"    |> filter(fn: (r) => r._measurement == {quoted(measurement)} "
        'and r._field == "value")\n\n' + "\n".join(parts)
    ).replace("option task", 'import "date"\n\noption task', 1)
