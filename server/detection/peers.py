"""Devices against their peers, from stored days: who stands out among like devices for days.

A cohort is all devices of one model, firmware and site; where those are too few, of one model. Looked at
now and then by the clock, from the store alone: asking twice, or from two processes, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from anomaly import Finding
from anomaly.peers import DAY_S, LEAST_PEERS, day_levels, unlike_peers
from server.detection.model import FindingRecord
from server.detection.tuning import NO_MODEL, cohort_of
from server.device.model import Device
from server.telemetry.samples import SeriesKey
from server.telemetry.store import TelemetryStore

KIND: Final = "unlike_peers"
DAYS = 28
MAX_DEVICES = 200
"""Of a larger cohort the first in order of their ids are compared with each other, then the next."""
NARROW = "devices of the same model, firmware and site"
WIDE = "devices of the same model"


@dataclass(frozen=True, slots=True)
class Group:
    device_ids: tuple[str, ...]
    compared_to: str


def groups(devices: Sequence[Device]) -> list[Group]:
    """Each device in at most one group; devices without a model, and those without peers, in none."""
    models: dict[str, list[Device]] = {}
    for device in sorted(devices, key=lambda device: device.id):
        models.setdefault(cohort_of(device.model), []).append(device)
    found: list[Group] = []
    for model, members in models.items():
        if model == NO_MODEL:
            continue
        narrow: dict[tuple[str, str], list[str]] = {}
        for device in members:
            narrow.setdefault((device.firmware, device.site), []).append(device.id)
        rest: list[str] = []
        for ids in narrow.values():
            if len(ids) > LEAST_PEERS:
                found += _parts(ids, NARROW)
            else:
                rest += ids
        if len(rest) > LEAST_PEERS:
            found += _parts(sorted(rest), WIDE)
    return found


def _parts(ids: list[str], compared_to: str) -> Iterator[Group]:
    count = -(-len(ids) // MAX_DEVICES)
    for part in np.array_split(np.array(ids), count):
        yield Group(tuple(map(str, part)), compared_to)


def look(store: TelemetryStore, group: Group, *, now_s: float) -> list[Finding]:
    """What the last whole days say of a group; `now_s` in unix seconds."""
    until_s = np.floor(now_s / DAY_S) * DAY_S
    units: dict[str, str] = {}
    levels: dict[str, dict[str, dict[int, float]]] = {}
    for device_id in group.device_ids:
        for metric, unit in store.metrics(device_id).items():
            units.setdefault(metric, unit)
            known = _days(store, SeriesKey(device_id, metric), until_s - DAYS * DAY_S, until_s)
            if known and units[metric] == unit:
                levels.setdefault(metric, {})[device_id] = known
    found: list[Finding] = []
    for metric in sorted(levels):
        found += unlike_peers(metric, units[metric], levels[metric], group.compared_to)
    return found


def _days(store: TelemetryStore, key: SeriesKey, from_s: float, to_s: float) -> dict[int, float]:
    """By the means of about an hour each: a spike has no say, and a month is read at a glance."""
    seen = store.query(key, from_s=from_s, to_s=to_s, points=DAYS * 24)
    rows = day_levels(seen.times_s, seen.mean[:, None])
    return {day: float(row[0]) for day, row in rows.items() if np.isfinite(row[0])}


def is_ours(row: FindingRecord) -> bool:
    """Whether a record on file is of this kind: its end is ours to tell."""
    return row.kind == KIND
