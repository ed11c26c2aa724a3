"""Rollups, sorting and forgetting in DuckDB: whatever happens, they tell what the samples tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.retention import Retention
from server.telemetry.samples import SampleBatch, SeriesKey
from server.telemetry.store import TelemetryStore
from tests.server.telemetry.conftest import make_batch

T = 1_780_000_000
DAY_S = 86_400
STREAM = "main"
KEYS = [SeriesKey("d", name) for name in ("a", "b", "fast/c")]
RETENTION = Retention(days=100, by_metric={"fast/*": 3}, minutes_days=200)

_times = st.one_of(
    st.integers(0, 400).map(lambda s: T + s * 7.0),
    st.integers(0, 200).map(lambda h: T + h * 3600.0),
    st.floats(0, 60 * DAY_S).map(lambda s: T + round(s, 6)),
)
_samples = st.lists(
    st.tuples(st.sampled_from([1, 2, 3]), _times, st.floats(-1e9, 1e9)), max_size=30
)
_ranges = st.tuples(_times, st.one_of(st.floats(0.001, 3e6), st.integers(1, 60 * DAY_S)))


def assert_same(real: TelemetryStore, reference: TelemetryStore, **asked: float) -> None:
    for key in KEYS:
        expected, found = reference.query(key, **asked), real.query(key, **asked)
        for column in ("times_s", "minimum", "maximum", "count"):
            np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-9, atol=1e-3)


class Machine(RuleBasedStateMachine):
    """Appends, late and twice; upkeep at any time; reopening: against the memory store."""

    @initialize()
    def begin(self) -> None:
        self.file = Path(":memory:")
        self.position = 0
        self.now_s = float(T)
        self.reference = MemoryTelemetryStore()
        self.real = DuckDbTelemetryStore(self.file, full_rows=40)
        for store in (self.reference, self.real):
            for key in KEYS:
                store.series_id(key, "V")

    @rule(samples=_samples)
    def append(self, samples: list[tuple[int, float, float]]) -> None:
        self.position += 1
        done = [
            store.append(make_batch(*samples), stream=STREAM, position=self.position)
            for store in (self.reference, self.real)
        ]
        assert done[0] == done[1]

    @rule(passed_s=st.sampled_from([0, 20, 4000, 90_000, 61 * DAY_S]))
    def upkeep(self, passed_s: float) -> None:
        self.now_s += passed_s
        self.real.upkeep(self.now_s)

    @rule(asked=_ranges, points=st.integers(1, 5000))
    def ask(self, asked: tuple[float, float], points: int) -> None:
        from_s, length_s = asked
        assert_same(self.real, self.reference, from_s=from_s, to_s=from_s + length_s, points=points)

    @invariant()
    def counts_agree(self) -> None:
        if hasattr(self, "real"):
            assert self.real.count() == self.reference.count()

    def teardown(self) -> None:
        if hasattr(self, "real"):
            for points in (1, 100):
                assert_same(
                    self.real, self.reference, from_s=T - 1, to_s=T + 61 * DAY_S, points=points
                )
            assert self.real.latest("d") == self.reference.latest("d")
            self.real.close()


Machine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
TestRollups = pytest.mark.slow(Machine.TestCase)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDbTelemetryStore]:
    made = DuckDbTelemetryStore(tmp_path / "t.duckdb", RETENTION, full_rows=1000)
    yield made
    made.close()


def every(step_s: float, count: int, series: int, *, begin: float = T) -> SampleBatch:
    numbers = np.arange(count)
    return SampleBatch(
        np.full(count, series, dtype=np.int32), begin + numbers * step_s, np.sin(numbers)
    )


def test_what_was_forgotten_is_still_told_by_rollups(store: DuckDbTelemetryStore) -> None:
    series = store.series_id(KEYS[2], "V")
    begin = T // DAY_S * DAY_S
    store.append(every(10, 6 * 8640, series, begin=begin), stream=STREAM, position=1)  # six days
    now = begin + 6 * DAY_S
    before = store.query(KEYS[2], from_s=begin, to_s=now, points=24)
    assert store.forget(now) == 3 * 8640
    after = store.query(KEYS[2], from_s=begin, to_s=now, points=24)
    np.testing.assert_array_equal(after.count, before.count)
    np.testing.assert_array_equal(after.maximum, before.maximum)
    close_up = store.query(KEYS[2], from_s=begin, to_s=begin + 600, points=600)
    assert close_up.count.tolist() == [6] * 10  # of whole minutes now
    assert store.latest("d")[0].time_s == now - 10


def test_what_comes_after_its_time_was_forgotten_is_told_and_not_kept(
    store: DuckDbTelemetryStore,
) -> None:
    series = store.series_id(KEYS[2], "V")
    store.append(every(3600, 240, series), stream=STREAM, position=1)
    store.forget(T + 10 * DAY_S)
    done = store.append(make_batch((series, T + 3600, 5.0)), stream=STREAM, position=2)
    assert (done.stored, done.duplicates, done.expired) == (0, 0, 1)


def test_minutes_are_forgotten_and_hours_stay(store: DuckDbTelemetryStore) -> None:
    series = store.series_id(KEYS[0], "V")
    begin = T // (28 * DAY_S) * 28 * DAY_S
    store.append(every(600, 4032, series, begin=begin), stream=STREAM, position=1)  # 28 days
    store.upkeep(begin + 28 * DAY_S)
    store.forget(begin + 300 * DAY_S)
    assert store.count() == 0
    found = store.query(KEYS[0], from_s=begin, to_s=begin + 28 * DAY_S, points=5000)
    assert found.count.tolist() == [6] * 672


def test_space_is_used_again(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """A file does not shrink, but what was forgotten makes room for what comes."""
    file = tmp_path / "t.duckdb"
    store = DuckDbTelemetryStore(file, Retention(days=2), full_rows=50_000)
    random = np.random.default_rng(1)
    series = store.series_id(KEYS[0], "V")
    sizes = []
    for day in range(16):
        times = T // DAY_S * DAY_S + day * DAY_S + np.arange(60_000) * 1.4
        numbers = np.full(60_000, series, dtype=np.int32)
        batch = SampleBatch(numbers, times, random.normal(size=60_000))
        store.append(batch, stream=STREAM, position=day + 1)
        store.upkeep(times[-1] + 2 * 3600)
        store.forget(times[-1])
        store._connection.execute("CHECKPOINT")
        sizes.append(file.stat().st_size)
    store.close()
    tell(
        f"file after 1, 6 and 16 days of 60,000 samples, two kept: {sizes[0]}, {sizes[5]}, {sizes[-1]}"
    )
    assert sizes[-1] <= 1.3 * max(sizes[:6])


def test_a_file_of_the_first_layout_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "t.duckdb"
    with duckdb.connect(str(file)) as old:
        old.execute(
            "CREATE TABLE series (id INTEGER NOT NULL, device_id VARCHAR NOT NULL, "
            "metric VARCHAR NOT NULL, unit VARCHAR NOT NULL)"
        )
        old.execute("CREATE TABLE sample (series INTEGER, time_us BIGINT, value DOUBLE)")
        old.execute("CREATE TABLE stream_position (stream VARCHAR, position BIGINT)")
        old.execute("INSERT INTO series VALUES (1, 'd', 'a', 'V'), (2, 'd', 'fast/c', 'V')")
        old.execute("INSERT INTO stream_position VALUES ('main', 9)")
        old.execute(
            f"INSERT INTO sample SELECT 1 + i % 2, ({T} + i * 3600)::BIGINT * 1000000, i "
            "FROM range(400) t(i)"
        )
    for _ in range(2):
        store = DuckDbTelemetryStore(file, RETENTION)
        assert (store.count(), store.position(STREAM)) == (400, 9)
        assert [value.value for value in store.latest("d")] == [398, 399]
        found = store.query(KEYS[0], from_s=T, to_s=T + 20 * DAY_S, points=5)
        assert found.count.sum() == 200
        store.close()


@given(days=st.floats(-10, 0) | st.floats(36_501, 1e9) | st.just(float("nan")))
def test_a_retention_that_is_none_is_refused(days: float) -> None:
    with pytest.raises(ValueError, match=r"vibration/\*"):
        Retention(by_metric={"vibration/*": days})


def test_a_clock_set_back_does_not_stop_the_rollups(tmp_path: Path) -> None:
    """Else they would wait until it is as late again."""
    store = DuckDbTelemetryStore(tmp_path / "t.duckdb", RETENTION)
    series = store.series_id(KEYS[2], "V")
    for number, now_s in enumerate((T + 100, T - DAY_S)):
        store.append(
            every(1, 100, series, begin=T + 100 * number), stream=STREAM, position=number + 1
        )
        store.upkeep(now_s)
    store.close()
    with duckdb.connect(str(tmp_path / "t.duckdb"), read_only=True) as file:
        rolled = file.execute("SELECT sum(rolled) FROM segment WHERE level = 0").fetchone()
    assert rolled == (200,)
