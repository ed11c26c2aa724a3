"""What a cohort's failures taught: gathered, learned apart, kept only if better, and taken back.

The newest failures are held out; what is trained on the others is compared on them with the model in
use, which knew none of them either. What is put to use is exactly the model that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy.orm import Session

from anomaly.fleet.life_table import UnitTable
from anomaly.fleet.replacing import ModelKind, Trial
from server.detection import lives, repository, tuning
from server.detection.lives import DAY_S, Course, Life
from server.detection.model import FleetModel
from server.kit.clock import from_unix
from server.kit.errors import NotFound

KINDS: Final[tuple[ModelKind, ...]] = ("life", "failure")
LEAST_FAILURES: Final = 6
"""Four to learn from and two to be measured on."""
NEWS: Final = 2
"""So many failures more than last time make it worth learning again."""
MOST_LIVES: Final = 400
_HELD_OUT_SHARE: Final = 0.25
_LEAST_HELD_OUT: Final = 2
_HORIZONS_DAYS: Final = (0.25, 0.5, 1.0, 2.0, 3.0, 7.0, 14.0, 30.0, 60.0, 90.0)


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that learning one model needs; may be given to another process."""

    cohort: str
    kind: ModelKind
    table: UnitTable
    failed: tuple[str, ...]
    held_out: UnitTable
    trained_until: datetime
    step_s: float
    horizon_days: float
    failures: int
    held_out_count: int
    current: bytes | None
    current_version: int | None


def in_use(session: Session, cohort: str) -> dict[str, FleetModel]:
    """By kind, with their contents."""
    return {row.kind: row for row in repository.fleet_models_in_use(session, cohort)}


def failures_known(all_lives: Sequence[Life]) -> int:
    return sum(life.failed for life in all_lives)


def worth_learning(session: Session, cohort: str, failures: int) -> bool:
    """Whether enough failed, and enough more than when it was last learned."""
    if failures < LEAST_FAILURES:
        return False
    newest = repository.newest_fleet_model(session, cohort)
    return newest is None or failures >= newest.failures + NEWS


def waiting(session: Session, *, now: datetime) -> list[tuple[str, int]]:
    """Cohorts that nothing was learned of yet, and how many failures are known of each."""
    learned = {row.cohort for row in repository.fleet_models(session)}
    return [
        (cohort, failures_known(lives.lives_of(session, cohort, now=now)))
        for cohort in tuning.cohorts(session)
        if cohort not in learned
    ]


def chosen(all_lives: Sequence[Life]) -> list[Life]:
    """Those to read: the newest that failed, then the newest others."""
    newest = sorted(all_lives, key=lambda life: (not life.failed, -life.end_s, life.name))
    return newest[:MOST_LIVES]


def lessons(cohort: str, courses: Sequence[Course], current: dict[str, FleetModel]) -> list[Lesson]:
    """One of each kind; none where too few of the failed lives have enough samples.

    `courses` are in steps of `step_of(current, …)`.
    """
    usable = [course for course in courses if lives.long_enough(course)]
    ended = sorted((c for c in usable if c.life.failed), key=lambda c: c.life.end_s)
    if len(ended) < LEAST_FAILURES:
        return []
    made = []
    for kind in KINDS:
        rival = current.get(kind)
        count = max(_LEAST_HELD_OUT, round(_HELD_OUT_SHARE * len(ended)))
        # Nothing that the model in use has learned from may judge it.
        known_s = rival.trained_until.timestamp() if rival else -np.inf
        held = [c for c in ended[-count:] if c.life.end_s > known_s]
        learned = ended[:-count]
        if len(held) < _LEAST_HELD_OUT:
            continue
        until_s = learned[-1].life.end_s
        going_on = [lives.cut(c, until_s) for c in usable
                    if c.life.start_s < until_s < c.life.end_s]  # fmt: skip
        units = [*learned, *(c for c in going_on if lives.long_enough(c))]
        table = lives.table_of(units)
        horizon = rival.horizon_days if rival else _horizon(learned)
        made.append(
            Lesson(
                cohort=cohort, kind=kind, table=table,
                failed=tuple(c.life.name for c in learned),
                held_out=lives.table_of(held, _all_names(held, table.names)),
                trained_until=from_unix(until_s), step_s=ended[0].step_s, horizon_days=horizon,
                failures=len(ended), held_out_count=len(held),
                current=rival.content if rival else None,
                current_version=rival.version if rival else None,
            )
        )  # fmt: skip
    return made


def step_of(current: dict[str, FleetModel], spans: Sequence[Life]) -> float:
    """Of the models in use, so that they stay comparable; else as the failed lives call for."""
    for row in current.values():
        return row.step_s
    return lives.step_for([life for life in spans if life.failed])


def keep(session: Session, lesson: Lesson, trial: Trial, *, now: datetime) -> FleetModel:
    """The next version; in use if it is better than what is in use, or than the mean."""
    known = repository.fleet_models(session, lesson.cohort)
    before = [row for row in known if row.kind == lesson.kind]
    used = next((row.version for row in before if row.in_use), None)
    # What a person changed while it was learned holds.
    taken = trial.better and used == lesson.current_version
    for row in before if taken else []:
        if row.in_use:
            row.in_use, row.used_by = False, ""
    made = FleetModel(
        cohort=lesson.cohort, kind=lesson.kind, version=before[0].version + 1 if before else 1,
        content=trial.content, step_s=lesson.step_s, horizon_days=lesson.horizon_days,
        failures=lesson.failures, held_out=lesson.held_out_count,
        trained_until=lesson.trained_until, error=trial.error, current_error=trial.current_error,
        mean_error=trial.mean_error, in_use=taken, used_by="", made_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def use(session: Session, cohort: str, kind: str, version: int, *, by: str) -> FleetModel | None:
    """From now on this version is asked; 0: none. Raises NotFound."""
    known = {
        row.version: row for row in repository.fleet_models(session, cohort) if row.kind == kind
    }
    if not known or (version and version not in known):
        raise NotFound(f"the model {cohort!r} has no version {version} of {kind!r}")
    for row in known.values():
        wanted = row.version == version
        if row.in_use != wanted:
            row.in_use, row.used_by = wanted, by
    session.flush()
    return known.get(version)


def _horizon(learned: Sequence[Course]) -> float:
    """Days that leave time to act: at most a quarter of a usual life."""
    usual = float(np.median([(c.life.end_s - c.life.start_s) / DAY_S for c in learned]))
    fitting = [days for days in _HORIZONS_DAYS if days <= usual / 4.0]
    return fitting[-1] if fitting else usual / 4.0


def _all_names(held: Sequence[Course], names: Sequence[str]) -> list[str]:
    """The training's columns and any other: the model in use may read more."""
    others = {name for course in held for name in course.readings}
    return [*names, *sorted(others - set(names))]
