"""One suite over every TelemetryStore adapter; the memory adapter is the obvious reference."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.errors import StoreCantForget
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.opening import open_remote
from server.telemetry.retention import Retention
from server.telemetry.samples import SeriesKey
from server.telemetry.store import TelemetryStore
from tests.server.telemetry.conftest import make_batch as batch

PUMP = SeriesKey("pump-1", "motor/current")
OTHER = SeriesKey("pump-2", "motor/current")
STREAM = "main"
# A server of one's own: influxdb+http://host:8086?org=O&bucket=B, and FOREWARN_TEST_INFLUX_TOKEN. Not a
# part of the suite without it: nothing here can stand in for it.
LIVE_INFLUX = ["influxdb"] if os.environ.get("FOREWARN_TEST_INFLUX_URL") else []
T = 1_780_000_000
DAY_S = 86_400
RETENTION = Retention(days=200, by_metric={"fast/*": 20})


def live_influx() -> TelemetryStore:
    url, token = (os.environ[f"FOREWARN_TEST_INFLUX_{name}"] for name in ("URL", "TOKEN"))
    return open_remote(f"{url}&measurement=test_{uuid.uuid4().hex}", token=token)


@pytest.fixture(
    params=[
        "memory",
        "duckdb",
        pytest.param("victoriametrics", marks=pytest.mark.broker),
        *LIVE_INFLUX,
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TelemetryStore]:
    makers: dict[str, Callable[[], TelemetryStore]] = {
        "memory": lambda: MemoryTelemetryStore(RETENTION),
        "duckdb": lambda: DuckDbTelemetryStore(tmp_path / "t.duckdb", RETENTION),
        "influxdb": live_influx,
        "victoriametrics": lambda: request.getfixturevalue("open_victoria")(),  # noqa: PLW0108 - started when asked,
    }
    made = makers[request.param]()
    yield made
    made.close()


def test_what_is_appended_is_found(store: TelemetryStore) -> None:
    series = store.series_id(PUMP, "A")
    done = store.append(
        batch((series, T + 100, 1.0), (series, T + 101, 3.0)), stream=STREAM, position=7
    )
    assert (done.stored, done.duplicates) == (2, 0)
    store.sync(STREAM)
    found = store.query(PUMP, from_s=T + 100, to_s=T + 102, points=10)
    assert found.times_s.tolist() == [T + 100, T + 101]
    assert found.mean.tolist() == [1.0, 3.0]
    assert store.position(STREAM) == 7
    assert store.position("another") == 0


def test_a_sample_at_the_same_time_is_a_duplicate_wherever_it_comes(store: TelemetryStore) -> None:
    series = store.series_id(PUMP, "A")
    store.append(batch((series, T + 100, 1.0), (series, T + 101, 2.0)), stream=STREAM, position=1)
    done = store.append(
        batch(
            (series, T + 101, 9.0),
            (series, T + 102, 3.0),
            (series, T + 102, 9.0),
            (series, T + 100.5, 5.0),
        ),
        stream=STREAM,
        position=2,
    )
    assert (done.stored, done.duplicates) == (2, 2)
    store.sync(STREAM)
    found = store.query(PUMP, from_s=T, to_s=T + 1000, points=1000)
    assert found.count.sum() == 4
    assert found.maximum.max() == 5.0


def test_late_samples_do_not_move_the_latest_value_back(store: TelemetryStore) -> None:
    series = store.series_id(PUMP, "A")
    store.append(batch((series, T + 200, 2.0)), stream=STREAM, position=1)
    store.append(batch((series, T + 100, 1.0)), stream=STREAM, position=2)
    store.sync(STREAM)
    (latest,) = store.latest("pump-1")
    assert (latest.metric, latest.unit, latest.time_s, latest.value) == (
        "motor/current",
        "A",
        T + 200,
        2.0,
    )
    assert store.count("pump-1") == 2


def test_devices_are_kept_apart_and_units_follow(store: TelemetryStore) -> None:
    pump, other = store.series_id(PUMP, ""), store.series_id(OTHER, "A")
    store.append(batch((pump, T + 1, 1.0), (other, T + 1, 2.0)), stream=STREAM, position=1)
    store.sync(STREAM)
    assert store.series_id(PUMP, "mA") == pump
    assert store.series_id(PUMP, "") == pump
    assert store.metrics("pump-1") == {"motor/current": "mA"}
    assert store.metrics("nobody") == {}
    assert store.latest("nobody") == []
    assert store.count() == 2
    assert store.query(SeriesKey("nobody", "x"), from_s=T, to_s=T + 9).count.sum() == 0


def test_retention_is_each_metrics_own(store: TelemetryStore) -> None:
    names = {name: store.series_id(SeriesKey("pump-1", name), "V") for name in ("slow", "fast/a")}
    ages_days = (0, 5, 30, 300, 600)
    now = T
    store.append(
        batch(*((s, now - age * DAY_S - 60, 1.0) for age in ages_days for s in names.values())),
        stream=STREAM,
        position=1,
    )
    store.sync(STREAM)
    if not store.capabilities.forgets_when_asked:
        with pytest.raises(StoreCantForget):
            store.forget(now)
        assert store.count() == 10
        return
    assert store.forget(now) == 5  # fast: 30, 300 and 600 days, slow: 300 and 600
    assert store.count() == 5
    for name, kept in (("slow", [30, 5, 0]), ("fast/a", [5, 0])):
        since = now - (20 if name == "fast/a" else 200) * DAY_S
        found = store.query(SeriesKey("pump-1", name), from_s=since, to_s=now, points=100)
        assert len(found.times_s) == len(kept)
    assert store.forget(now) == 0


@pytest.mark.parametrize(("from_s", "to_s", "points"), [(5, 5, 10), (0, 1, 0), (0, 1, 5001)])
def test_an_impossible_range_is_refused(
    store: TelemetryStore, from_s: float, to_s: float, points: int
) -> None:
    with pytest.raises(ValueError):
        store.query(PUMP, from_s=from_s, to_s=to_s, points=points)


def test_an_empty_batch_still_moves_the_position(store: TelemetryStore) -> None:
    store.append(batch(), stream=STREAM, position=41)
    store.sync(STREAM)
    assert store.position(STREAM) == 41


def test_duckdb_finds_everything_again_after_reopening(tmp_path: Path) -> None:
    file = tmp_path / "t.duckdb"
    first = DuckDbTelemetryStore(file)
    series = first.series_id(PUMP, "A")
    first.append(batch((series, T + 100, 1.0), (series, T + 101, 2.0)), stream=STREAM, position=3)
    first.close()
    again = DuckDbTelemetryStore(file)
    assert again.series_id(PUMP, "A") == series
    assert again.position(STREAM) == 3
    assert again.latest("pump-1")[0].value == 2.0
    done = again.append(batch((series, T + 101, 2.0)), stream=STREAM, position=4)
    assert done.duplicates == 1
    again.close()


_samples = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3]),
            st.integers(0, 40).map(lambda t: T + t / 2),
            st.floats(-1e6, 1e6),
        ),
        max_size=25,
    ),
    max_size=6,
)


@given(batches=_samples, points=st.integers(1, 60))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_duckdb_agrees_with_memory_on_any_batches(
    batches: list[list[tuple[int, float, float]]], points: int
) -> None:
    stores: list[TelemetryStore] = [MemoryTelemetryStore(), DuckDbTelemetryStore(Path(":memory:"))]
    keys = [SeriesKey("d", name) for name in "abc"]
    for store in stores:
        for key in keys:
            store.series_id(key, "V")
    for number, samples in enumerate(batches, 1):
        done = [s.append(batch(*samples), stream=STREAM, position=number) for s in stores]
        assert done[0] == done[1]
    for key in keys:
        reference, real = (s.query(key, from_s=T, to_s=T + 21, points=points) for s in stores)
        for column in ("times_s", "minimum", "mean", "maximum", "count"):
            np.testing.assert_allclose(getattr(real, column), getattr(reference, column))
    assert stores[0].latest("d") == stores[1].latest("d")
    for store in stores:
        store.close()
