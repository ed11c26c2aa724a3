"""Lives of a cohort's devices, from the records and the store: from repair to failure, or until now.

A life begins with a device's first sample or with a repair, and ends with a failure (a verdict that
found one), with a repair without one, or goes on. The learning in `anomaly.fleet` sees them as units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from anomaly.fleet.life_table import UnitTable
from anomaly.tuning import Label
from server.detection import repository, tuning
from server.device import repository as devices
from server.telemetry.samples import SeriesKey
from server.telemetry.store import MAX_POINTS, TelemetryStore

DAY_S = 86_400.0
LOOK_BACK_DAYS = 1_000
"""No life is read from further back; a day's bucket each fits one query of any store."""
LEAST_ROWS = 10
MOST_METRICS = 60
STEPS_S = (60.0, 300.0, 900.0, 3_600.0, 4 * 3_600.0, DAY_S)
_ROWS_OF_A_LIFE = 200
_FAILED = frozenset({Label.CONFIRMED, Label.MISSED})


@dataclass(frozen=True, slots=True)
class Life:
    """`name` is unique within the cohort; times in unix seconds."""

    name: str
    device_id: str
    start_s: float
    end_s: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Course:
    """A life's readings by metric: row numbers (times `step_s` from `origin_s` on) and means."""

    life: Life
    origin_s: float
    step_s: float
    readings: dict[str, tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]


def lives_of(session: Session, cohort: str, *, now: datetime) -> list[Life]:
    """All of a cohort within the time looked back on, by device and time; revoked devices too."""
    until_s = now.timestamp()
    since_s = until_s - LOOK_BACK_DAYS * DAY_S
    failures: dict[str, set[float]] = {}
    for label in repository.current_labels(session, cohort):
        if label.label in _FAILED:
            failures.setdefault(label.device_id, set()).add(label.at.timestamp())
    members = {i for i, m in devices.models(session) if tuning.cohort_of(m) == cohort}
    lives = []
    for device_id in sorted(members | failures.keys()):
        ended = failures.get(device_id, set())
        repairs = {
            row.at.timestamp() for row in repository.baseline_requests(session, device_id)
            if row.reason == "repair"
        }  # fmt: skip
        cuts = sorted(at for at in ended | repairs if since_s < at < until_s)
        edges = [since_s, *cuts, until_s]
        lives += [
            Life(f"{device_id} {number}", device_id, start, end, end in ended)
            for number, (start, end) in enumerate(pairwise(edges), 1)
        ]
    return lives


def seen_span(store: TelemetryStore, life: Life) -> Life | None:
    """The life from its first sample on, to the day; None where the store has nothing."""
    first = np.inf
    for metric in store.metrics(life.device_id):
        seen = store.query(
            SeriesKey(life.device_id, metric), from_s=life.start_s, to_s=life.end_s,
            points=LOOK_BACK_DAYS + 2,
        )  # fmt: skip
        if len(seen.times_s):
            first = min(first, float(seen.times_s[0]))
    if not np.isfinite(first):
        return None
    return Life(life.name, life.device_id, max(life.start_s, first), life.end_s, life.failed)


def step_for(lives: Sequence[Life]) -> float:
    """Seconds a row stands for, so that a usual life has about 200 of them."""
    usual_s = float(np.median([life.end_s - life.start_s for life in lives]))
    fitting = [step for step in STEPS_S if step <= usual_s / _ROWS_OF_A_LIFE]
    return fitting[-1] if fitting else STEPS_S[0]


def course_of(store: TelemetryStore, life: Life, step_s: float) -> Course:
    """Means of every metric over each whole step; steps without samples are left out."""
    origin_s = life.start_s // step_s * step_s
    whole = int((life.end_s - origin_s) // step_s)
    readings = {}
    for metric in store.metrics(life.device_id):
        rows, values = [], []
        for done in range(0, whole, MAX_POINTS):
            points, from_s = min(MAX_POINTS, whole - done), origin_s + done * step_s
            seen = store.query(
                SeriesKey(life.device_id, metric),
                from_s=from_s, to_s=from_s + points * step_s, points=points,
            )  # fmt: skip
            rows.append(((seen.times_s - origin_s) // step_s).astype(np.intp))
            values.append(seen.mean)
        if rows and sum(map(len, rows)):
            readings[metric] = (np.concatenate(rows), np.concatenate(values))
    return Course(life, origin_s, step_s, readings)


def table_of(courses: Sequence[Course], names: Sequence[str] | None = None) -> UnitTable:
    """Courses as units over days of age, one row a step in which anything was read.

    Without `names` the metrics are those of at least half of the courses, the commonest first.
    """
    if names is None:
        names = _common(courses)
    units: list[str] = []
    times: list[npt.NDArray[np.float64]] = [np.empty(0)]
    blocks = [np.empty((0, len(names)))]
    for course in courses:
        here = [course.readings[name][0] for name in names if name in course.readings]
        rows = np.unique(np.concatenate(here)) if here else np.empty(0, np.intp)
        block = np.full((len(rows), len(names)), np.nan)
        for place, name in enumerate(names):
            if name in course.readings:
                at, values = course.readings[name]
                block[np.searchsorted(rows, at), place] = values
        units += [course.life.name] * len(rows)
        times.append(np.asarray(rows * course.step_s / DAY_S, np.float64))
        blocks.append(block)
    return UnitTable(units, np.concatenate(times), list(names), np.vstack(blocks))


def long_enough(course: Course) -> bool:
    """Whether a model can be asked about it, or learn from it."""
    return any(len(rows) >= LEAST_ROWS for rows, _ in course.readings.values())


def cut(course: Course, until_s: float) -> Course:
    """What was known of a life at that time: it had not failed yet."""
    life = course.life
    last = (until_s - course.origin_s) // course.step_s
    readings = {
        name: (rows[rows < last], values[rows < last])
        for name, (rows, values) in course.readings.items()
    }
    shorter = Life(life.name, life.device_id, life.start_s, until_s, failed=False)
    return Course(shorter, course.origin_s, course.step_s, readings)


def _common(courses: Sequence[Course]) -> list[str]:
    counts: dict[str, int] = {}
    for course in courses:
        for name in course.readings:
            counts[name] = counts.get(name, 0) + 1
    shared = [name for name, count in counts.items() if 2 * count >= len(courses)]
    return sorted(sorted(shared, key=lambda name: (-counts[name], name))[:MOST_METRICS])
