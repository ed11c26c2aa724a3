"""Fleet models kept up by the server: learned when enough failed, asked about every device each hour."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from anomaly.errors import LifeError
from anomaly.fleet.life_table import UnitTable
from anomaly.fleet.replacing import Told, Trial, columns_of, from_bytes, tell, try_out
from server.app.apart import run_apart
from server.detection import fleet_models, lives, outlook, repository, tuning
from server.detection.fleet_models import LEAST_FAILURES, Lesson
from server.detection.lives import Course, Life
from server.detection.model import FleetModel
from server.device import repository as devices
from server.incident import service as incidents
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.settings import Settings
from server.telemetry.store import TelemetryStore

log = logging.getLogger(__name__)

SEED: Final = 1
Apart = Callable[..., Awaitable[Any]]
Tell = Callable[[float, str], None]


def _say_nothing(_share: float, _doing: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Foresight:
    """What learning and looking work on; `apart` runs a function in another process."""

    records: Database
    telemetry: TelemetryStore
    clock: Clock
    settings: Settings
    after_commit: Callable[[], None]
    apart: Apart = run_apart

    async def learn_all(self) -> None:
        """Every cohort in which enough failed since it was last learned."""
        with self.records.reading() as session:
            cohorts = tuning.cohorts(session)
        for cohort in cohorts:
            try:
                await self.learn(cohort)
            except LifeError as error:
                log.warning("nothing was learned of %r: %s", cohort, error)

    async def learn(
        self, cohort: str, *, anew: bool = False, progress: Tell = _say_nothing
    ) -> list[FleetModel]:
        """The versions made; none where too little failed, or (unless `anew`) nothing new did.

        Raises LifeError where what failed can't be learned from.
        """
        now = self.clock.now()
        with self.records.reading() as session:
            known = lives.lives_of(session, cohort, now=now)
            failures = fleet_models.failures_known(known)
            worth = fleet_models.worth_learning(session, cohort, failures)
            current = fleet_models.in_use(session, cohort)
        if failures < LEAST_FAILURES or not (worth or anew):
            return []
        spans = await self._spans(fleet_models.chosen(known), progress)
        if not any(life.failed for life in spans):
            raise LifeError("the store has no samples of the devices that failed")
        step_s = fleet_models.step_of(current, spans)
        courses = await self._courses(spans, step_s, progress)
        lessons = fleet_models.lessons(cohort, courses, current)
        made = []
        for number, lesson in enumerate(lessons):
            progress(0.6 + 0.4 * number / len(lessons), f"learning {lesson.kind}")
            made.append(await self._taken_up(lesson))
        progress(1.0, "done")
        return made

    async def _taken_up(self, lesson: Lesson) -> FleetModel:
        trial: Trial = await self.apart(
            try_out, lesson.kind, lesson.table, lesson.failed, lesson.held_out,
            lesson.horizon_days, lesson.current, seed=SEED,
        )  # fmt: skip
        with self.records.transaction() as session:
            row = fleet_models.keep(session, lesson, trial, now=self.clock.now())
        log.info(
            "model of %s for %r: version %d, error %.3g, %s",
            row.kind, row.cohort, row.version, row.error, "in use" if row.in_use else "not used",
        )  # fmt: skip
        return row

    async def look_ahead(self) -> None:
        """Ask the models in use about every device; a failure that is near becomes a case."""
        with self.records.reading() as session:
            cohorts = repository.cohorts_with_fleet_models(session)
        spoken: set[str] = set()
        for cohort in cohorts:
            try:
                spoken |= await self._look_at(cohort, self.clock.now())
            except LifeError as error:  # what was said of its devices stays as it was
                log.warning("the models of %r can't be asked: %s", cohort, error)
                spoken |= self._devices_of(cohort)
        now = self.clock.now()
        with self.records.transaction() as session:
            silent = [
                r.device_id for r in repository.outlooks(session) if r.device_id not in spoken
            ]
            ended = outlook.forget(session, silent, now=now)
            incidents.absorb(session, ended, now=now, settings=self.settings)
        self.after_commit()

    async def _look_at(self, cohort: str, now: datetime) -> set[str]:
        """The devices of which something is said."""
        with self.records.reading() as session:
            current = fleet_models.in_use(session, cohort)
            working = devices.active_ids(session, None)
            going_on = _latest(lives.lives_of(session, cohort, now=now), working)
        if not current:
            return set()
        spans = await self._spans(going_on, _say_nothing)
        courses = await self._courses(spans, fleet_models.step_of(current, spans), _say_nothing)
        asked = [course for course in courses if lives.long_enough(course)]
        if not asked:
            return set()
        device_of = {course.life.name: course.life.device_id for course in asked}
        contents = {kind: row.content for kind, row in current.items()}
        told: list[Told] = await self.apart(
            _answers, asked, contents.get("life"), contents.get("failure")
        )
        by_device = {device_of[word.unit]: word for word in told}
        with self.records.transaction() as session:
            found = outlook.note(session, by_device, current, now=now)
            incidents.absorb(session, found, now=now, settings=self.settings)
        self.after_commit()
        return set(by_device)

    def _devices_of(self, cohort: str) -> set[str]:
        with self.records.reading() as session:
            return {i for i, m in devices.models(session) if tuning.cohort_of(m) == cohort}

    async def _spans(self, known: Sequence[Life], progress: Tell) -> list[Life]:
        spans = []
        for number, life in enumerate(known):
            progress(0.2 * number / len(known), f"looking for {life.device_id}")
            span = await asyncio.to_thread(lives.seen_span, self.telemetry, life)
            if span is not None:
                spans.append(span)
        return spans

    async def _courses(self, spans: Sequence[Life], step_s: float, progress: Tell) -> list[Course]:
        courses = []
        for number, life in enumerate(spans):
            progress(0.2 + 0.4 * number / len(spans), f"reading {life.device_id}")
            courses.append(await asyncio.to_thread(lives.course_of, self.telemetry, life, step_s))
        return courses


def _latest(known: Sequence[Life], working: frozenset[str]) -> list[Life]:
    """Of each device in service the life that goes on."""
    newest = {life.device_id: life for life in known if life.device_id in working}
    return [life for life in newest.values() if not life.failed]


def _answers(courses: Sequence[Course], life: bytes | None, failure: bytes | None) -> list[Told]:
    """In the other process: the models say themselves which columns they read."""
    models = [from_bytes(content) for content in (life, failure) if content is not None]
    names = sorted({name for model in models for name in columns_of(model)})
    table: UnitTable = lives.table_of(courses, names)
    return tell(table, life, failure)
