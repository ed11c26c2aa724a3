"""Links that come and go, devices that start again and again: what states tell, without any sample.

Losses of the connection and starts that no goodbye announced are counted with a memory that fades over half
an hour. Many of them are a finding, unless the device has always been like that: what a week remembers says
how many are usual. The more there are, the more severe it gets while it is open. A link that ends with a
goodbye was not lost, and the start after it is meant.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final
from zlib import crc32

from anomaly import state as col
from anomaly.finding import Finding, Kind, finding_id
from anomaly.open_findings import OpenFindings
from anomaly.sentences import flapping_sentence, reboot_sentence
from anomaly.state import Table

FADE_S: Final = 1800.0
WEEK_S: Final = 7 * 86_400.0
QUIET_S: Final = 3600.0
"""So long without another one ends the finding."""
TIMES_USUAL: Final = 3.0
WORST: Final = 0.95
STEP: Final = 0.1
"""A finding that is open is told again each time it is so much more severe."""
LEARN_S: Final = 86_400.0

FLAPPING, REBOOTS = 101, 102
"""Codes of open findings, beside those of the kernel's events."""
# code -> first of its five columns, faded count that is too much, severity of just so many
_TABLE: Final[dict[int, tuple[int, float, float]]] = {
    FLAPPING: (col.D_DROPS, 6.0, 0.6),
    REBOOTS: (col.D_BOOTS, 4.0, 0.7),
}
_COUNT, _LAST, _SLOW, _BEGAN, _RUN = range(5)


def note_link(
    opened: OpenFindings,
    device: Table,
    index: int,
    name: str,
    before: float,
    boot: str,
    at_s: float,
) -> list[Finding]:
    """A state of the device's link has arrived; `before` is what its link was until then."""
    if not device[col.D_HEARD_FROM]:
        device[col.D_HEARD_FROM] = at_s
    said = device[col.D_LINK]
    if said == col.LINK_LOST and before == col.LINK_ONLINE:
        return _count(opened, device, index, name, FLAPPING, at_s)
    if said != col.LINK_ONLINE or not boot:
        return []
    mark = float(crc32(boot.encode()) + 1)
    known, device[col.D_BOOT] = device[col.D_BOOT], mark
    if known in (0.0, mark) or before == col.LINK_SHUTDOWN:
        return []
    if before == col.LINK_LOST:  # it was lost because it started anew: that is one thing, not two
        device[col.D_DROPS + _COUNT] = max(0.0, device[col.D_DROPS + _COUNT] - 1.0)
        device[col.D_DROPS + _RUN] = max(0.0, device[col.D_DROPS + _RUN] - 1.0)
    return _count(opened, device, index, name, REBOOTS, at_s)


def quietened(opened: OpenFindings, devices: Table, now_s: float) -> list[Finding]:
    """End what has not happened again for an hour, as of the end of that hour."""
    ended = []
    for key in [key for key in opened if key[1] in _TABLE]:
        until_s = float(devices[-1 - key[0], _TABLE[key[1]][0] + _LAST]) + QUIET_S
        if now_s >= until_s:
            ended.append(replace(opened.pop(key), ended_s=until_s))
    return ended


def _count(
    opened: OpenFindings, device: Table, index: int, name: str, code: int, at_s: float
) -> list[Finding]:
    base, too_many, _ = _TABLE[code]
    row = device[base : base + 5]
    passed_s = max(0.0, at_s - float(row[_LAST]))
    # As it was before this burst: what happens now must not excuse itself.
    if passed_s > QUIET_S or row[_RUN] == 0.0:
        row[_BEGAN], row[_RUN] = at_s, 0.0
    usual_per_day = _usual_per_day(device, row, at_s)
    row[_COUNT] = row[_COUNT] * math.exp(-passed_s / FADE_S) + 1.0
    row[_SLOW] = row[_SLOW] * math.exp(-passed_s / WEEK_S) + 1.0
    row[_RUN] += 1.0
    row[_LAST] = max(at_s, float(row[_LAST]))
    usual = usual_per_day * FADE_S / 86_400.0
    key = (-1 - index, code)
    times_too_many = float(row[_COUNT]) / max(too_many, TIMES_USUAL * usual)
    known = opened.get(key)
    if known is None:
        if times_too_many < 1.0:
            return []
        opened[key] = _finding(name, code, row, usual_per_day, at_s)
        return [opened[key]]
    severity = _severity(code, times_too_many)
    if severity < known.severity + STEP or float(row[_BEGAN]) != known.onset_s:
        return []
    now = _finding(name, code, row, usual_per_day, at_s)
    opened[key] = replace(known, severity=severity, evidence=now.evidence, sentence=now.sentence)
    return [opened[key]]


def _severity(code: int, times_too_many: float) -> float:
    """That of the table where it is just too much, half of what is left to the worst at twice that."""
    least = _TABLE[code][2]
    return round(least + (WORST - least) * (1.0 - 1.0 / max(times_too_many, 1.0)), 3)


def _usual_per_day(device: Table, row: Table, at_s: float) -> float:
    """By the device's own week without the burst that is going on; 0 until it was known for a day."""
    known_s = float(row[_BEGAN] - device[col.D_HEARD_FROM])
    if known_s < LEARN_S:
        return 0.0
    faded = float(row[_SLOW]) * math.exp(-max(0.0, at_s - float(row[_LAST])) / WEEK_S)
    return max(0.0, faded - float(row[_RUN])) / min(known_s, WEEK_S) * 86_400.0


def _finding(name: str, code: int, row: Table, usual_per_day: float, at_s: float) -> Finding:
    kind: Kind = "flapping" if code == FLAPPING else "reboot_loop"
    onset_s, times = float(row[_BEGAN]), int(row[_RUN])
    say = flapping_sentence if code == FLAPPING else reboot_sentence
    return Finding(
        id=finding_id(name, kind, (), onset_s),
        kind=kind,
        device=name,
        metrics=(),
        onset_s=onset_s,
        detected_s=at_s,
        ended_s=None,
        confidence=0.9,
        severity=_TABLE[code][2],
        evidence={
            "times": times,
            "within_s": round(at_s - onset_s, 3),
            "usual_per_day": round(usual_per_day, 2),
            "compared_to": "its own usual week",
        },
        sentence=say(times, onset_s, at_s),
    )
