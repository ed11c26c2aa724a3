"""What a device's stored hours say by days: metrics out of step with the others, or out of their own rhythm.

Learned from the first four weeks after the newest baseline (the first of all, a repair, other firmware);
what is judged are the last four. Asked now and then by the clock, from the store alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from anomaly import Finding
from anomaly.hours import DAY_HOURS, HOUR_S, LEARN_DAYS, MOST_METRICS, Hours
from anomaly.relations import out_of_step
from anomaly.rhythm import out_of_rhythm
from server.detection.model import FindingRecord
from server.telemetry.samples import SeriesKey
from server.telemetry.store import TelemetryStore

_DAY_S: Final = HOUR_S * DAY_HOURS
_LEARN_S: Final = LEARN_DAYS[-1] * _DAY_S
_JUDGED_S: Final = 28 * _DAY_S
_OLDEST_DAYS: Final = 400


def look(
    store: TelemetryStore, device_id: str, *, baseline_at: datetime | None, now_s: float
) -> list[Finding]:
    """What the whole days so far say; `now_s` in unix seconds, `baseline_at` None where never anew."""
    units = dict(sorted(store.metrics(device_id).items())[:MOST_METRICS])
    if not units:
        return []
    until_s = float(np.floor(now_s / _DAY_S)) * _DAY_S
    keys = [SeriesKey(device_id, metric) for metric in units]
    if baseline_at is not None:
        from_s = float(np.ceil(baseline_at.timestamp() / _DAY_S)) * _DAY_S
    else:
        from_s = _first_day_s(store, keys, until_s)
    if until_s - from_s <= LEARN_DAYS[0] * _DAY_S:
        return []
    first = round(from_s / HOUR_S)
    table = np.full((round(until_s / HOUR_S) - first, len(keys)), np.nan)
    spans = [(from_s, min(from_s + _LEARN_S, until_s))]
    if spans[0][1] < until_s:
        spans.append((max(spans[0][1], until_s - _JUDGED_S), until_s))
    for place, key in enumerate(keys):
        for begin_s, end_s in spans:
            points = round((end_s - begin_s) / HOUR_S)
            seen = store.query(key, from_s=begin_s, to_s=end_s, points=points)
            at = np.floor(seen.times_s / HOUR_S).astype(np.int64) - first
            here = (at >= 0) & (at < len(table))  # a rollup may begin before what was asked for
            table[at[here], place] = seen.mean[here]
    hours = Hours(tuple(units), first, table)
    return out_of_step(device_id, hours, units) + out_of_rhythm(device_id, hours, units)


def _first_day_s(store: TelemetryStore, keys: Sequence[SeriesKey], until_s: float) -> float:
    """The first whole day of any of these, as far back as it is looked for."""
    oldest_s = until_s - _OLDEST_DAYS * _DAY_S
    firsts = [until_s]
    for key in keys[:3]:
        seen = store.query(key, from_s=oldest_s, to_s=until_s, points=_OLDEST_DAYS)
        if len(seen.times_s):
            firsts.append(float(seen.times_s[0] // _DAY_S) * _DAY_S + _DAY_S)
    return min(firsts)


def is_ours(row: FindingRecord) -> bool:
    """Whether a record on file comes of stored hours; the engine has relations of its own."""
    return row.kind == "rhythm" or (
        row.kind == "relation" and "suggested_by_others" in row.evidence
    )
