"""Unlike its peers: a device's level of a day against that of devices of the same kind on the same day.

The peers' range is that of the others without the one that is farthest off, so that a second ill device
hides nothing, and never narrower than the cohort's usual change from day to day or 2 % of its middle. A
device is unlike them when it is beyond that range by as much as the range is wide, three days in a row; or,
which is what judges a new device within its first day, by three times as much on one day. Where the peers'
values are all of one sign and differ threefold the same must hold of their logarithms. Measures of use follow people and are not
compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly.day_runs import runs
from anomaly.finding import Finding, finding_id
from anomaly.limits import follows_demand
from anomaly.sentences import peers_sentence

Floats = npt.NDArray[np.float64]

DAY_S: Final = 86_400.0
LEAST_PEERS: Final = 5
WHOLE_DAY: Final = 0.75
"""Share of a day that its samples must span to stand for it."""
_SKEWED: Final = 3.0


def day_levels(times_s: Floats, values: Floats) -> dict[int, Floats]:
    """Unix day → median of each metric, NaN where its samples do not span the day nearly whole.

    times_s : (n,), in any order; values : (n, metrics), NaN where a cell is missing
    """
    fit = np.isfinite(times_s)
    times, numbers = times_s[fit], np.where(np.isfinite(values[fit]), values[fit], np.nan)
    days = np.floor(times / DAY_S).astype(np.int64)
    return {int(day): _level(times[days == day], numbers[days == day]) for day in np.unique(days)}


def _level(times: Floats, values: Floats) -> Floats:
    known = np.isfinite(values)
    first = np.where(known, times[:, None], np.inf).min(axis=0)
    last = np.where(known, times[:, None], -np.inf).max(axis=0)
    spanned = last - first >= WHOLE_DAY * DAY_S
    level = np.full(values.shape[1], np.nan)
    if spanned.any():
        level[spanned] = np.nanmedian(values[:, spanned], axis=0)
    return level


def unlike_peers(
    metric: str, unit: str, levels: Mapping[str, Mapping[int, float]], compared_to: str
) -> list[Finding]:
    """Findings on one metric of a cohort, oldest first.

    levels : device → (unix day → level), as of `day_levels`
    compared_to : who the peers are, in words
    """
    devices = sorted(levels)
    days = sorted({day for known in levels.values() for day in known})
    if len(devices) <= LEAST_PEERS or not days or follows_demand(unit):
        return []
    table = np.array([[levels[d].get(day, np.nan) for d in devices] for day in days])
    floor = _usual_change(table)
    found: list[Finding] = []
    for at, device in enumerate(devices):
        away = np.array([_away(row, at, floor) for row in table])
        found += _episodes(device, metric, unit, days, table, at, away, compared_to)
    return sorted(found, key=lambda finding: (finding.onset_s, finding.id))


def _usual_change(table: Floats) -> float:
    """How much a level of the cohort usually changes from one day to the next."""
    steps = np.abs(np.diff(table, axis=0))
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if len(steps) else 0.0


def _peers(row: Floats, at: int) -> Floats:
    """The others' levels without the one farthest from their median; too few give none."""
    others = np.delete(row, at)
    others = others[np.isfinite(others)]
    if len(others) < LEAST_PEERS:
        return np.empty(0)
    far = int(np.argmax(np.abs(others - np.median(others))))
    return np.delete(others, far)


def _away(row: Floats, at: int, floor: float) -> float:
    """Signed distance beyond the peers' range in widths of it; NaN where nothing can be said."""
    value, peers = float(row[at]), _peers(row, at)
    if not np.isfinite(value) or not len(peers):
        return float("nan")
    distance = _beyond(value, peers, max(floor, 0.02 * abs(float(np.median(peers)))))
    sign = float(np.sign(peers[0]))
    if sign != 0.0 and (sign * np.append(peers, value) > 0.0).all():
        sizes = np.abs(peers)
        if sizes.max() > _SKEWED * sizes.min():
            in_logarithms = sign * _beyond(float(np.log(abs(value))), np.log(sizes), 0.02)
            return min(distance, in_logarithms, key=abs)
    return distance


def _beyond(value: float, peers: Floats, least_width: float) -> float:
    low, high = float(peers.min()), float(peers.max())
    width = max(high - low, least_width, 1e-12)
    return (max(value - high, 0.0) - max(low - value, 0.0)) / width


def _episodes(
    device: str, metric: str, unit: str, days: list[int], table: Floats, at: int, away: Floats,
    compared_to: str,
) -> list[Finding]:  # fmt: skip
    found: list[Finding] = []
    for run in runs(away):
        told = _finding(
            device, metric, unit, days[run.since] * DAY_S, (days[run.at] + 1) * DAY_S,
            float(table[run.at, at]), _peers(table[run.at], at), abs(float(away[run.at])), compared_to,
        )  # fmt: skip
        found.append(replace(told, ended_s=None if run.end is None else days[run.end] * DAY_S))
    return found


def _finding(
    device: str, metric: str, unit: str, onset_s: float, at_s: float, now: float, peers: Floats,
    widths: float, compared_to: str,
) -> Finding:  # fmt: skip
    usual = float(np.median(peers))
    evidence: dict[str, float | str] = {"unit": unit} if unit else {}
    return Finding(
        id=finding_id(device, "unlike_peers", (metric,), onset_s),
        kind="unlike_peers",
        device=device,
        metrics=(metric,),
        onset_s=onset_s,
        detected_s=at_s,
        ended_s=None,
        confidence=round(min(0.95, 0.55 + 0.1 * min(widths, 4.0)), 3),
        severity=round(min(0.9, 0.3 + 0.1 * widths), 3),
        evidence=evidence
        | {
            "now": now,
            "peers_usual": usual,
            "peers_low": float(peers.min()),
            "peers_high": float(peers.max()),
            "peers": len(peers),
            "times_their_spread": round(widths, 2),
            "compared_to": compared_to,
        },
        sentence=peers_sentence(metric, unit, now, usual, len(peers), onset_s, at_s),
    )
