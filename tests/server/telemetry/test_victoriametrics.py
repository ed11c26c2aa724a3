"""What is particular to VictoriaMetrics: no transactions, seconds of writes in memory, milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kit.errors import ConfigurationError
from server.telemetry.errors import StoreError, StoreRestarted, StoreUnavailable
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.opening import open_remote
from server.telemetry.samples import SeriesKey
from server.telemetry.store import TelemetryStore
from server.telemetry.victoria_flags import complaints, retention_days
from server.telemetry.victoria_http import VictoriaHttp
from tests.server.telemetry.conftest import make_batch
from tests.server.telemetry.victoria import VictoriaProcess

T = 1_780_000_000
KEY = SeriesKey("pump-1", "motor/current")
STREAM = "main"

pytestmark = pytest.mark.broker


@pytest.fixture
def mortal(
    needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VictoriaProcess]:
    """A server of its own, to be killed."""
    running = VictoriaProcess(needs("victoria-metrics"), tmp_path_factory.mktemp("mortal"))
    yield running
    running.stop()


def counted(store: TelemetryStore) -> list[int]:
    return store.query(KEY, from_s=T, to_s=T + 1000, points=1000).count.tolist()


def test_kill_9_loses_nothing_that_was_synced_and_says_what_is_uncertain(
    mortal: VictoriaProcess,
) -> None:
    store = open_remote(mortal.url)
    series = store.series_id(KEY, "A")
    assert store.position(STREAM) == 0
    store.append(make_batch((series, T + 1, 1.0)), stream=STREAM, position=1)
    store.sync(STREAM)
    store.append(make_batch((series, T + 2, 2.0)), stream=STREAM, position=2)
    mortal.kill()
    with pytest.raises(StoreUnavailable):
        store.append(make_batch((series, T + 3, 3.0)), stream=STREAM, position=3)
    mortal.start()
    store.append(make_batch((series, T + 3, 3.0)), stream=STREAM, position=3)
    with pytest.raises(StoreRestarted):
        store.sync(STREAM)
    assert store.position(STREAM) <= 1  # the note of it may be younger than the last write to disk
    again = make_batch((series, T + 1, 1.0), (series, T + 2, 2.0), (series, T + 3, 3.0))
    done = store.append(again, stream=STREAM, position=3)
    assert done.duplicates >= 1
    store.sync(STREAM)
    assert (store.position(STREAM), counted(store)) == (3, [1, 1, 1])
    store.close()


def test_another_process_goes_on_where_the_first_was(victoria: VictoriaProcess) -> None:
    url = f"{victoria.url}?measurement=handover"
    first, second = open_remote(url), open_remote(url)
    series = first.series_id(KEY, "A")
    first.append(make_batch((series, T + 1, 1.0), (series, T + 2, 2.0)), stream=STREAM, position=2)
    first.sync(STREAM)
    # Sent, but the first one dies before it could write the position.
    first.append(make_batch((series, T + 3, 3.0)), stream=STREAM, position=3)
    first.close()
    assert second.position(STREAM) == 2
    again = second.series_id(KEY, "")
    done = second.append(
        make_batch((again, T + 3, 3.0), (again, T + 4, 4.0)), stream=STREAM, position=4
    )
    assert (done.stored, done.duplicates) == (1, 1)
    second.sync(STREAM)
    assert counted(second) == [1, 1, 1, 1]
    assert second.metrics("pump-1") == {"motor/current": "A"}
    assert second.latest("pump-1")[0].value == 4.0
    second.close()


def test_the_newest_seconds_are_seen(open_victoria: Callable[[], TelemetryStore]) -> None:
    store = open_victoria()
    series = store.series_id(KEY, "A")
    now = round(time.time())
    samples = [(series, now - 20 + second, float(second)) for second in range(25)]
    store.append(make_batch(*samples), stream=STREAM, position=1)
    store.sync(STREAM)
    found = store.query(KEY, from_s=now - 20, to_s=now + 5, points=25)
    assert found.mean.tolist() == [float(second) for second in range(25)]
    assert found.times_s.tolist() == [now - 20 + second for second in range(25)]
    assert store.latest("pump-1")[0].time_s == now + 4
    store.close()


def test_samples_within_a_millisecond_are_one(open_victoria: Callable[[], TelemetryStore]) -> None:
    store = open_victoria()
    assert store.capabilities.resolution_us == 1000
    series = store.series_id(KEY, "A")
    done = store.append(
        make_batch((series, T + 0.0011, 1.0), (series, T + 0.0014, 2.0), (series, T + 0.0021, 3.0)),
        stream=STREAM,
        position=1,
    )
    assert (done.stored, done.duplicates) == (2, 1)
    store.close()


_batches = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3]),
            st.integers(0, 40).map(lambda t: T + t / 2),
            st.floats(-1e6, 1e6).map(lambda v: round(v, 3)),
        ),
        max_size=25,
    ),
    max_size=4,
)


@pytest.mark.slow
@given(batches=_batches, points=st.integers(1, 60))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_it_agrees_with_memory_on_any_batches(
    open_victoria: Callable[[], TelemetryStore],
    batches: list[list[tuple[int, float, float]]],
    points: int,
) -> None:
    stores: list[TelemetryStore] = [MemoryTelemetryStore(), open_victoria()]
    keys = [SeriesKey("d", name) for name in "abc"]
    for store in stores:
        for key in keys:
            store.series_id(key, "V")
    for number, samples in enumerate(batches, 1):
        done = [s.append(make_batch(*samples), stream=STREAM, position=number) for s in stores]
        assert done[0] == done[1]
    for store in stores:
        store.sync(STREAM)
    for key in keys:
        reference, real = (s.query(key, from_s=T, to_s=T + 21, points=points) for s in stores)
        for column in ("times_s", "minimum", "mean", "maximum", "count"):
            np.testing.assert_allclose(
                getattr(real, column), getattr(reference, column), rtol=1e-9, atol=1e-6
            )
    assert stores[0].latest("d") == stores[1].latest("d")
    for store in stores:
        store.close()


def test_names_with_any_characters_come_back(open_victoria: Callable[[], TelemetryStore]) -> None:
    store = open_victoria()
    key = SeriesKey('o"dd, =\\id', "a b=c,{}|.*")
    series = store.series_id(key, "m/s")
    store.append(make_batch((series, T, 1.0)), stream='s"1', position=9)
    store.sync('s"1')
    assert store.metrics(key.device_id) == {key.metric: "m/s"}
    assert store.query(key, from_s=T, to_s=T + 1).count.tolist() == [1]
    assert store.position('s"1') == 9
    store.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:8428", "STORE\\+http"),
        ("oracle+http://127.0.0.1", "no store"),
        ("victoriametrics+http://", "STORE\\+http"),
        ("victoriametrics+http://h:port", "not an address"),
        ("victoriametrics+http://h?measure=x", "unknown option measure"),
        ("victoriametrics+http://h?measurement=a-b", "letters"),
    ],
)
def test_an_address_that_names_no_store_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        open_remote(url)


def test_a_store_that_is_not_there_is_said_so_when_used() -> None:
    store = open_remote("victoriametrics+http://user:secret@127.0.0.1:1")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1 does not answer") as caught:
        store.position(STREAM)
    assert "secret" not in str(caught.value)
    store.close()


def test_flags_that_lose_samples_are_complained_about() -> None:
    well = {"dedup.minScrapeInterval": "1ms", "retentionPeriod": "2y"}
    assert complaints(well, 365) == []
    assert len(complaints({"dedup.minScrapeInterval": "0s", "retentionPeriod": "1"}, 365)) == 2
    assert [retention_days(text) for text in ("1", "36h", "2w", "", "long")] == [
        31.0,
        1.5,
        14.0,
        None,
        None,
    ]


def test_streams_of_one_process_are_brought_to_disk_together(
    mortal: VictoriaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    flush = VictoriaHttp.flush_to_disk

    def counting(http: VictoriaHttp) -> None:
        nonlocal asked
        asked += 1
        flush(http)

    monkeypatch.setattr(VictoriaHttp, "flush_to_disk", counting)
    store = open_remote(mortal.url)
    series = [store.series_id(SeriesKey(f"pump-{n}", "level"), "m") for n in range(3)]
    streams = ["part 0", "part 1", "part 2"]
    for position in (1, 2):
        for number, stream in zip(series, streams, strict=True):
            store.append(make_batch((number, T + position, 1.0)), stream=stream, position=position)
        for stream in streams:
            store.sync(stream)
        assert asked == position
    store.append(make_batch(), stream=streams[0], position=3)
    store.sync(streams[0])
    assert asked == 2, "nothing was written"
    mortal.kill()
    mortal.start()
    again = open_remote(mortal.url)
    assert all(again.position(stream) <= 3 for stream in streams), "behind, never ahead"
    assert again.count() == 6
    # What is there already may lie in the server's memory only: it is brought to disk as well.
    again.append(
        make_batch((again.series_id(SeriesKey("pump-0", "level"), "m"), T + 1, 1.0)),
        stream=streams[0],
        position=4,
    )
    again.sync(streams[0])
    assert asked == 3
    again.close()
    store.close()
