"""Samples as InfluxDB's line protocol: what InfluxDB and VictoriaMetrics are written with.

    forewarn,device=pump-1,metric=motor/current value=1.25 1780000000000

Values are written as Python's shortest exact form, so nothing is lost on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from server.telemetry.samples import SeriesKey

_TAG = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n", "\\": "\\\\"})


def prefix(measurement: str, tags: Mapping[str, str], field: str) -> str:
    """A line up to its value; tags that are empty are left out, as the protocol demands."""
    named = "".join(f",{name}={text.translate(_TAG)}" for name, text in tags.items() if text)
    return f"{measurement.translate(_TAG)}{named} {field}="


def series_prefix(measurement: str, key: SeriesKey) -> str:
    """The prefix of a series' samples; made once a series, since every line begins with it."""
    return prefix(measurement, {"device": key.device_id, "metric": key.metric}, "value")


def sample_lines(
    prefixes: Sequence[str], times: Sequence[int], values: Sequence[float]
) -> list[str]:
    """One line a sample; `times` in the unit that the request names."""
    return [
        f"{start}{value!r} {time}"
        for start, time, value in zip(prefixes, times, values, strict=True)
    ]
