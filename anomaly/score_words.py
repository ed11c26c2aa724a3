"""The last word on the findings of a file: what was a step when it was noticed and grew since, and times without dates."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly.finding import Finding
from anomaly.hours import DAY_HOURS, HOUR_S
from anomaly.sentences import drift_sentence, moment, plain_name
from anomaly.wording import DRIFT_SHARE

Floats = npt.NDArray[np.float64]

STEPS: Final = frozenset({"level_shift", "deviation"})
_LEAST_DAYS: Final = 3
_LAG_DAYS: Final = 2  # a drift that is noticed has grown for about so long already
_USUAL_DAYS: Final = 14
_SURE: Final = 4.0  # standard errors that the growth must have


def grown(finding: Finding, hours: npt.NDArray[np.int64], means: Floats) -> Finding:
    """A drift where most of the deviation grew in the days since the onset; else the finding as it is.

    `hours` (n,) since 1970 in order, `means` (n,) of the finding's first metric. What is usual is the mean of each
    hour of the day over the two weeks before the onset.
    """
    if finding.kind not in STEPS or finding.ended_s is not None or "counted" in finding.evidence:
        return finding
    onset = int(finding.onset_s // HOUR_S)
    before = (hours < onset) & (hours >= onset - _USUAL_DAYS * DAY_HOURS) & np.isfinite(means)
    after = (hours >= onset) & np.isfinite(means)
    if before.sum() < 2 * DAY_HOURS or not after.any():
        return finding
    usual = np.array([_mean_of(means[before & (hours % DAY_HOURS == h)]) for h in range(DAY_HOURS)])
    rest = means[after] - usual[hours[after] % DAY_HOURS]
    days = (hours[after] - onset) // DAY_HOURS
    known = [
        _mean_of(rest[days == day]) for day in range(int(days.max()))
    ]  # the last day may be no whole one
    daily = np.array(known)
    at = np.flatnonzero(np.isfinite(daily))
    if len(at) < _LEAST_DAYS:
        return finding
    slope, start = np.polyfit(at, daily[at], 1)
    off = daily[at] - (start + slope * at)
    noise = float(np.sqrt((off**2).sum() / max(len(at) - 2, 1)))
    unsure = noise / float(np.sqrt(((at - at.mean()) ** 2).sum()))
    end = float(start + slope * at[-1])
    if (
        abs(slope) <= _SURE * unsure
        or slope * at[-1] * end <= 0.0
        or abs(slope * (at[-1] + _LAG_DAYS)) < DRIFT_SHARE * abs(end)
    ):
        return finding
    level = _mean_of(means[before])
    unit, at_s = str(finding.evidence.get("unit", "")), float(hours[-1]) * HOUR_S
    name = plain_name(finding.metrics[0])
    return replace(
        finding,
        kind="drift",
        evidence=finding.evidence
        | {"now": level + end, "usual": level, "grows_per_day": float(slope)},
        sentence=drift_sentence(
            name, unit, level + end, level, float(slope), finding.onset_s, at_s
        ),
    )


def _mean_of(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def undated(finding: Finding, *, numbered: bool) -> Finding:
    """Its sentence with `second 1200` or `row 1200` where a date would be made of a number that is none."""
    sentence, word = finding.sentence, "row" if numbered else "second"
    for now_s in (finding.detected_s, finding.ended_s or finding.detected_s):
        sentence = sentence.replace(
            moment(finding.onset_s, now_s), f"{word} {finding.onset_s:.10g}"
        )
    return replace(finding, sentence=sentence)
