"""Rhythm: the course of a metric over day and week, by hourly means, and whether it is still followed.

What is usual at an hour is the mean of that hour on all days learned from, moved towards the mean of that hour
of the week by the share (none, half, all) that foretold weeks left out best. Only the shape counts: the middle of
a day is taken away, since levels have judges of their own. A day is judged by the upper quartile of its hours'
errors, so that a few wild hours have no say, against those of the weeks that were left out while learning, and
only three days in a row are a finding; of days of the week whose course is unlike the others' (a weekend), three
of those in a row, whatever the days between them do. Where the usual course explains less than half of the days left out there
is no rhythm to lose. Measures of use follow people and are not judged. Learned from fourteen days and again from
twenty-eight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly.day_runs import Run, runs
from anomaly.finding import Finding, finding_id
from anomaly.hours import DAY_HOURS, HOUR_S, LEARN_DAYS, WHOLE_DAY_HOURS, Hours
from anomaly.limits import follows_demand
from anomaly.sentences import DAYS, rhythm_sentence

Floats = npt.NDArray[np.float64]

WEEK_DAYS: Final = 7
LEAST_SKILL: Final = 0.5
"""Share of the variance within left-out days that the usual course must explain."""
LEAST_WIDTH: Final = 0.3
"""The range of usual errors is taken for no narrower than this share of the usual swing."""
TYPICAL: Final = 0.75
_WEEK_SHARES: Final = (0.0, 0.5, 1.0)
_MONDAY: Final = 3
"""1970-01-01 was a Thursday: its place in a week that begins on Monday."""


class _Rhythm:
    """What a metric does on each hour of the week, and how far off the days left out were."""

    def __init__(self, shapes: Floats, weekdays: npt.NDArray[np.int64], share: float) -> None:
        self._shapes, self._weekdays, self._share = shapes, weekdays, share
        self.least, self.most = 0.0, 0.0

    def usual(self, weekday: int, without_week: npt.NDArray[np.bool_] | None = None) -> Floats:
        """The usual course (24,) of this day of the week; NaN where an hour was never seen."""
        kept = np.ones(len(self._shapes), np.bool_) if without_week is None else ~without_week
        of_day = _mean(self._shapes[kept])
        of_week = _mean(self._shapes[kept & (self._weekdays == weekday)])
        of_week = np.where(np.isfinite(of_week), of_week, of_day)
        return of_day + self._share * (of_week - of_day)

    def odd_days(self) -> list[int]:
        """Days of the week, 0 to 6, whose usual course is beyond the usual errors from that of most days."""
        courses = np.array([self.usual(day) for day in range(WEEK_DAYS)])
        away = np.abs(courses - np.median(courses, axis=0))
        if self._share <= 0.0 or not np.isfinite(away).all():
            return []
        return np.flatnonzero(np.quantile(away, TYPICAL, axis=1) > self.most).tolist()


def out_of_rhythm(device: str, hours: Hours, units: Mapping[str, str]) -> list[Finding]:
    """Findings of kind `rhythm`, oldest first, on each metric that has a rhythm."""
    found: list[Finding] = []
    for index, metric in enumerate(hours.metrics):
        if follows_demand(units.get(metric, "")):
            continue
        days = hours.table[:, index].reshape(-1, DAY_HOURS)
        found += _of_metric(device, metric, units.get(metric, ""), hours.first // DAY_HOURS, days)
    return sorted(found, key=lambda finding: (finding.onset_s, finding.id))


def _of_metric(device: str, metric: str, unit: str, first_day: int, days: Floats) -> list[Finding]:
    shapes = _shapes(days)
    weekdays = (np.arange(len(days)) + first_day + _MONDAY) % WEEK_DAYS
    away = np.full(len(days), np.nan)
    courses = np.full(shapes.shape, np.nan)
    rhythm: _Rhythm | None = None
    learned = 0
    for day in range(len(days)):
        off = day > 0 and abs(away[day - 1]) >= 1.0
        if learned < len(LEARN_DAYS) and day >= LEARN_DAYS[learned] and not off:
            rhythm, learned = _learn(shapes[:day], weekdays[:day]), learned + 1
        if rhythm is not None:
            courses[day] = rhythm.usual(int(weekdays[day]))
            _, error = _errors(shapes[day], courses[day])
            away[day] = max(error - rhythm.most, 0.0) / (rhythm.most - rhythm.least)
    found = []
    odd = rhythm.odd_days() if rhythm is not None else []
    for run, on_days in _runs(away, weekdays, odd):
        told = _finding(
            device, metric, unit, shapes[run.at], courses[run.at], float(away[run.at]),
            (first_day + run.since) * DAY_HOURS * HOUR_S, (first_day + run.at + 1) * DAY_HOURS * HOUR_S,
            on_days,
        )  # fmt: skip
        end_s = None if run.end is None else float((first_day + run.end) * DAY_HOURS * HOUR_S)
        found.append(replace(told, ended_s=end_s))
    return found


def _runs(
    away: Floats, weekdays: npt.NDArray[np.int64], odd: list[int]
) -> list[tuple[Run, list[int]]]:
    """Days off in a row; and odd days off in a row that those have no part in, with which these are."""
    found: list[tuple[Run, list[int]]] = [(run, []) for run in runs(away, at_once=np.inf)]
    if not odd:
        return found
    whole = [(run.since, len(away) if run.end is None else run.end) for run, _ in found]
    for run in runs(np.where(np.isin(weekdays, odd), away, np.nan), at_once=np.inf):
        end = len(away) if run.end is None else run.end
        if all(end <= since or run.since >= over for since, over in whole):
            found.append((run, odd))
    return found


def _shapes(days: Floats) -> Floats:
    """Each day without its middle; NaN throughout where it is not nearly whole."""
    whole = np.isfinite(days).sum(axis=1) >= WHOLE_DAY_HOURS
    shapes = np.full(days.shape, np.nan)
    if whole.any():
        shapes[whole] = days[whole] - np.nanmedian(days[whole], axis=1)[:, None]
    return shapes


def _mean(shapes: Floats) -> Floats:
    known = np.isfinite(shapes)
    counts = known.sum(axis=0)
    sums = np.where(known, shapes, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _errors(shape: Floats, usual: Floats) -> tuple[float, float]:
    """Mean square and typical size of the error, over hours that both know; NaN where that is not nearly a day."""
    error = shape - usual
    error = error[np.isfinite(error)]
    if len(error) < WHOLE_DAY_HOURS:
        return float("nan"), float("nan")
    error -= np.median(error)
    return float(np.mean(error**2)), float(np.quantile(np.abs(error), TYPICAL))


def _learn(shapes: Floats, weekdays: npt.NDArray[np.int64]) -> _Rhythm | None:
    """The rhythm whose left-out weeks were foretold best; None where none explains half of them."""
    weeks = np.arange(len(shapes)) // WEEK_DAYS
    judged = [day for day in range(len(shapes)) if np.isfinite(shapes[day]).any()]
    if len(judged) < LEARN_DAYS[0] - 4:
        return None
    within = float(np.mean([np.nanvar(shapes[day]) for day in judged]))
    best: tuple[float, _Rhythm, Floats] | None = None
    for share in _WEEK_SHARES:
        rhythm = _Rhythm(shapes, weekdays, share)
        foretold = [rhythm.usual(int(weekdays[day]), weeks == weeks[day]) for day in judged]
        pairs = [_errors(shapes[day], usual) for day, usual in zip(judged, foretold, strict=True)]
        errors = np.array([pair for pair in pairs if np.isfinite(pair[0])]).reshape(-1, 2)
        total = float(errors[:, 0].mean()) if len(errors) else np.inf
        if best is None or total < best[0]:
            best = total, rhythm, errors[:, 1]
    if best is None or not 0.0 < within < np.inf or best[0] > (1.0 - LEAST_SKILL) * within:
        return None
    _, rhythm, medians = best
    rhythm.most = float(medians.max())
    rhythm.least = min(float(medians.min()), rhythm.most - LEAST_WIDTH * math.sqrt(within))
    return rhythm


def _finding(
    device: str, metric: str, unit: str, shape: Floats, usual: Floats, widths: float, onset_s: float, at_s: float,
    on_days: list[int],
) -> Finding:  # fmt: skip
    swing, usual_swing = _swing(shape), _swing(usual)
    evidence: dict[str, float | str] = {"unit": unit} if unit else {}
    if on_days:
        evidence["on_days"] = ", ".join(DAYS[day] for day in on_days)
    return Finding(
        id=finding_id(device, "rhythm", (metric,), onset_s),
        kind="rhythm",
        device=device,
        metrics=(metric,),
        onset_s=onset_s,
        detected_s=at_s,
        ended_s=None,
        confidence=round(min(0.9, 0.55 + 0.1 * min(widths, 3.5)), 3),
        severity=round(min(0.8, 0.3 + 0.05 * widths), 3),
        evidence=evidence
        | {
            "swing_now": swing,
            "swing_usual": usual_swing,
            "times_usual_error": round(widths, 2),
            "compared_to": "its own usual course of day and week",
        },
        sentence=rhythm_sentence(metric, unit, swing, usual_swing, onset_s, at_s, on_days),
    )


def _swing(course: Floats) -> float:
    """From the lowest hour of a day to the highest."""
    return float(np.nanmax(course) - np.nanmin(course))
