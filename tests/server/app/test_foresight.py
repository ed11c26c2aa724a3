"""A fleet that wears out, through real stores: verdicts teach models, and the models raise cases."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from anomaly.errors import LifeError
from anomaly.fleet.replacing import Trial
from anomaly.tuning import Label
from server.app.apart import WorkFailed, run_apart
from server.app.foresight import Foresight
from server.detection import fleet_models, lives, outlook, repository, tuning
from server.detection.model import FindingRecord, FleetModel
from server.device.model import Device
from server.incident.model import Incident
from server.kit.clock import ManualClock
from server.kit.database import Database
from server.kit.errors import NotFound
from server.kit.settings import Settings
from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey

COHORT = "pump p"
HOUR_S, DAY_S = 3_600.0, 86_400.0
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STREAM = "test"


async def _here(work, *arguments, **options):
    """Starting processes is tried once, below."""
    return work(*arguments, **options)


class Fleet:
    """Pumps whose vibration and heat grow with what is used up of their lives."""

    def __init__(self, database: Database, store: DuckDbTelemetryStore) -> None:
        self.database, self.store = database, store
        self.clock = ManualClock(BEGAN + timedelta(days=90))
        self.foresight = Foresight(
            database, store, self.clock, Settings(), lambda: None, apart=_here
        )
        self._random = np.random.default_rng(4)
        self._position = 0

    def pump(
        self,
        number: int,
        life_days: float,
        *,
        seen_days: float | None = None,
        every_s: float = 4 * HOUR_S,
    ) -> str:
        """One that began on day `number`; it failed unless it was seen for less than its life."""
        name = f"pump-{number}"
        with self.database.transaction() as session:
            session.add(
                Device(
                    id=name, name=name, model=" Pump P", site="", secret_hash="x",
                    owner_id=None, created_at=BEGAN,
                )
            )  # fmt: skip
        start = BEGAN + timedelta(days=number)
        self._run(name, start, life_days, life_days if seen_days is None else seen_days, every_s)
        if seen_days is None:
            self.fail(name, start + timedelta(days=life_days))
        return name

    def fail(self, name: str, at: datetime) -> None:
        with self.database.transaction() as session:
            tuning.note_label(
                session, f"job:{name}", name, Label.CONFIRMED, kind="drift", component="bearing",
                at=at, now=at,
            )  # fmt: skip

    def _run(
        self, name: str, start: datetime, life_days: float, seen_days: float, every_s: float
    ) -> None:
        age = np.arange(0.0, seen_days * DAY_S, every_s)
        used = age / (life_days * DAY_S)
        noise = self._random.normal(size=(2, len(age)))
        self._position += 1
        for metric, unit, values in (
            ("bearing/vibration", "m/s2", 2.0 + 3.0 * used**2 + 0.1 * noise[0]),
            ("bearing/temperature", "Cel", 40.0 + 12.0 * used + 0.6 * noise[1]),
        ):
            series = self.store.series_id(SeriesKey(name, metric), unit)
            times = start.timestamp() + age
            batch = SampleBatch(np.full(len(age), series, np.int32), times, values)
            self.store.append(batch, stream=STREAM, position=self._position)
        self.store.sync(STREAM)

    def learn(self, *, anew: bool = False) -> list[FleetModel]:
        return asyncio.run(self.foresight.learn(COHORT, anew=anew))

    def look(self) -> None:
        asyncio.run(self.foresight.look_ahead())

    def rows(self, table):
        with self.database.reading() as session:
            return list(session.query(table).all())


@pytest.fixture
def fleet(database: Database, tmp_path: Path) -> Iterator[Fleet]:
    store = DuckDbTelemetryStore(tmp_path / "telemetry.duckdb")
    yield Fleet(database, store)
    store.close()


def test_too_few_failures_teach_nothing_and_are_counted(fleet: Fleet):
    for number in range(fleet_models.LEAST_FAILURES - 1):
        fleet.pump(number, 20.0)
    assert fleet.learn(anew=True) == []
    with fleet.database.reading() as session:
        known = lives.lives_of(session, COHORT, now=fleet.clock.now())
    assert fleet_models.failures_known(known) == fleet_models.LEAST_FAILURES - 1


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # learning takes long enough once
def test_verdicts_teach_and_a_failure_that_is_near_becomes_a_case(fleet: Fleet):
    for number, life in enumerate((20, 26, 31, 22, 28, 24, 33, 21, 27, 30, 25, 29)):
        fleet.pump(number, float(life))
    # These began 60 days after the first and are seen up to today, day 90.
    worn = fleet.pump(60, 31.0, seen_days=30.0)
    fresh = fleet.pump(80, 31.0, seen_days=10.0)

    made = fleet.learn()
    assert [(row.kind, row.version, row.in_use) for row in made] == [
        ("life", 1, True), ("failure", 1, True),
    ]  # fmt: skip
    life, failure = made
    assert (life.failures, life.held_out) == (12, 3)
    assert life.error < 4.0 < life.mean_error
    assert failure.error < failure.mean_error
    assert failure.horizon_days == 3.0
    assert fleet.learn() == []  # nothing new

    fleet.look()
    assert fleet.rows(FindingRecord) == []  # one look is none
    fleet.clock.advance(seconds=HOUR_S)
    fleet.look()
    [finding] = fleet.rows(FindingRecord)
    assert (finding.device_id, finding.kind) == (worn, "life")
    assert "80 % interval" in finding.sentence
    assert "within 3 days" in finding.sentence
    [case] = fleet.rows(Incident)
    assert case.device_id == worn
    with fleet.database.reading() as session:
        near, far = (outlook.of_device(session, name) for name in (worn, fresh))
    assert near is not None
    assert far is not None
    assert 0.0 <= near.low_days <= near.remaining_days <= near.high_days
    assert near.remaining_days < 6.0 < far.remaining_days
    assert far.probability < 0.2 < near.probability

    # A model that can't be read says nothing, and takes nothing back.
    with fleet.database.transaction() as session:
        good = fleet_models.in_use(session, COHORT)["life"].content
        fleet_models.in_use(session, COHORT)["life"].content = b"no model"
    fleet.look()
    assert [row.ended_at for row in fleet.rows(FindingRecord)] == [None]
    with fleet.database.transaction() as session:
        fleet_models.in_use(session, COHORT)["life"].content = good

    # It was repaired: the life after that is too short to be judged, and the case recovers.
    fleet.fail(worn, fleet.clock.now())
    fleet.clock.advance(seconds=HOUR_S)
    fleet.look()
    [finding] = fleet.rows(FindingRecord)
    assert finding.ended_at == fleet.clock.now()
    with fleet.database.reading() as session:
        assert outlook.of_device(session, worn) is None
        assert outlook.of_device(session, fresh) is not None
        # Taken back, nothing is said of any device.
    with fleet.database.transaction() as session:
        for kind in fleet_models.KINDS:
            fleet_models.use(session, COHORT, kind, 0, by="Ann")
    fleet.look()
    with fleet.database.reading() as session:
        assert repository.outlooks(session) == []
        assert {row.used_by for row in repository.fleet_models(session)} == {"Ann"}


def _lesson(current: int | None = None) -> fleet_models.Lesson:
    table = lives.table_of([])
    return fleet_models.Lesson(
        COHORT, "life", table, (), table, BEGAN, 3_600.0, 3.0, 8, 2, None, current
    )


def test_only_a_better_one_replaces_what_is_in_use_and_any_can_be_used_again(database: Database):
    def offer(error: float, rival: float | None, mean: float = 5.0) -> tuple[int, bool]:
        with database.transaction() as session:
            used = fleet_models.in_use(session, COHORT).get("life")
            trial = Trial(b"model", error, rival, mean)
            lesson = _lesson(used.version if used else None)
            row = fleet_models.keep(session, lesson, trial, now=BEGAN)
            return row.version, row.in_use

    def used() -> list[int]:
        with database.reading() as session:
            return [row.version for row in repository.fleet_models(session, COHORT) if row.in_use]

    assert offer(6.0, None) == (1, False)  # no better than the mean
    assert offer(3.0, None) == (2, True)
    assert offer(3.5, 3.0) == (3, False)
    assert offer(2.0, 3.0) == (4, True)
    assert used() == [4]
    with database.transaction() as session:
        fleet_models.use(session, COHORT, "life", 2, by="Ann")
    assert used() == [2]
    with database.transaction() as session, pytest.raises(NotFound):
        fleet_models.use(session, COHORT, "life", 9, by="Ann")
    # While it was learned, a person took the one in use back: that holds.
    with database.transaction() as session:
        row = fleet_models.keep(session, _lesson(4), Trial(b"x", 0.1, 2.0, 5.0), now=BEGAN)
        assert not row.in_use
    assert used() == [2]


def test_lives_lie_between_failures_and_repairs(fleet: Fleet):
    name = fleet.pump(0, 20.0, every_s=HOUR_S / 2)
    with fleet.database.reading() as session:
        first, second = lives.lives_of(session, COHORT, now=fleet.clock.now())
    assert (first.failed, second.failed) == (True, False)
    assert first.end_s == second.start_s == (BEGAN + timedelta(days=20)).timestamp()
    span = lives.seen_span(fleet.store, first)
    assert span is not None
    assert abs(span.start_s - BEGAN.timestamp()) < DAY_S
    assert lives.seen_span(fleet.store, second) is None
    course = lives.course_of(fleet.store, span, HOUR_S)
    table = lives.table_of([course])
    assert table.names == ["bearing/temperature", "bearing/vibration"]
    assert len(table.times) == 20 * 24
    assert set(table.units) == {f"{name} 1"}
    half = lives.table_of([lives.cut(course, BEGAN.timestamp() + 10 * DAY_S)])
    assert len(half.times) == 10 * 24
    np.testing.assert_array_equal(half.values, table.values[:240])


def _halved(number: int) -> float:
    if number < 0:
        raise LifeError("no such life")
    if number == 0:
        os._exit(7)
    return number / 2


@pytest.mark.slow
def test_work_apart_answers_raises_and_dies_alone():
    assert asyncio.run(run_apart(_halved, 3)) == 1.5
    with pytest.raises(LifeError, match="no such life"):
        asyncio.run(run_apart(_halved, -1))
    with pytest.raises(WorkFailed, match="code 7"):
        asyncio.run(run_apart(_halved, 0))
