"""InfluxDB: the conversation over HTTP with played answers, every Flux text under Flux's own checker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import hatch_build
from server.kit.errors import ConfigurationError
from server.telemetry import flux
from server.telemetry.errors import StoreUnavailable
from server.telemetry.influx_place import InfluxPlace
from server.telemetry.influx_setup import set_up
from server.telemetry.influxdb import InfluxDb
from server.telemetry.opening import open_remote
from server.telemetry.remote import RemoteTelemetryStore
from server.telemetry.retention import Retention
from server.telemetry.samples import SeriesKey
from tests.server.telemetry.conftest import make_batch
from tests.server.telemetry.influx_player import Answer, InfluxPlayer, annotated

ROOT = Path(__file__).resolve().parents[3]
T = 1_780_000_000
AT_T = "2026-05-28T20:26:40"
KEY = SeriesKey("pump-1", "motor/current")
NOTHING = "\r\n"

CHECKER = """
const { Flux } = require(process.argv[1]);
const texts = JSON.parse(require("fs").readFileSync(0));
const valid = (text) => { try { return new Flux(text).is_valid(); } catch { return false; } };
console.log(JSON.stringify(texts.map(valid)));
"""


@pytest.fixture
def player() -> Iterator[InfluxPlayer]:
    playing = InfluxPlayer()
    yield playing
    playing.close()


@pytest.fixture
def store(player: InfluxPlayer) -> Iterator[RemoteTelemetryStore]:
    place = InfluxPlace(player.url, "our org", "samples", "secret-token")
    made = RemoteTelemetryStore(
        InfluxDb(place, retry_pause_s=0.01, now_s=lambda: T + 100.0), now_s=lambda: T + 100.0
    )
    yield made
    made.close()


def test_a_batch_is_written_as_lines_with_microseconds(
    player: InfluxPlayer, store: RemoteTelemetryStore
) -> None:
    player.play(NOTHING, NOTHING, "", "")  # units, newest; the series' name, the samples
    series = store.series_id(KEY, "A")
    done = store.append(
        make_batch((series, T, 1.25), (series, T + 0.000_001, -3.0), (series, T, 9.0)),
        stream="main",
        position=7,
    )
    assert (done.stored, done.duplicates) == (2, 1)
    announced, written = player.requests[2:]
    assert announced.body == (
        f"forewarn,device=pump-1,metric=motor/current,unit=A series=1 {(T + 100) * 1_000_000}"
    )
    assert written.path == "/api/v2/write"
    assert written.query == {"org": "our org", "bucket": "samples", "precision": "us"}
    assert written.token == "Token secret-token"
    assert written.body.splitlines() == [
        f"forewarn,device=pump-1,metric=motor/current value=1.25 {T * 1_000_000}",
        f"forewarn,device=pump-1,metric=motor/current value=-3.0 {T * 1_000_000 + 1}",
    ]
    player.play("")
    store.sync("main")
    assert player.requests[-1].body == f"forewarn,stream=main position=7 {(T + 100) * 1_000_000}"


def test_what_is_not_newer_is_looked_up(player: InfluxPlayer, store: RemoteTelemetryStore) -> None:
    row = {"device": "pump-1", "metric": "motor/current"}
    player.play(
        annotated(
            "_result", [{"_time": f"{AT_T}Z", "unit": "A", **row}], group=("device", "metric")
        ),
        annotated("_result", [{"_time": f"{AT_T}.000002Z", "_value": 2.5, **row}]),
        annotated("_result", [{"_time": f"{AT_T}Z", "metric": "motor/current"}]),
        "",
    )
    series = store.series_id(KEY, "")
    done = store.append(
        make_batch((series, T, 1.0), (series, T + 0.000_001, 2.0)), stream="main", position=1
    )
    assert (done.stored, done.duplicates) == (1, 1)
    assert "range(start: time(v: 1780000000000000000), stop: time(v: 1780000000000002000))" in (
        player.requests[2].flux
    )
    # The unit that the store knows is not announced again.
    assert player.requests[3].body.endswith(f"value=2.0 {T * 1_000_000 + 1}")


def test_busy_is_tried_again_and_refused_is_told(
    player: InfluxPlayer, store: RemoteTelemetryStore
) -> None:
    busy = Answer(503, '{"code":"unavailable","message":"busy"}')
    player.play(NOTHING, NOTHING, "", busy, busy, "")
    series = store.series_id(KEY, "A")
    store.append(make_batch((series, T, 1.0)), stream="main", position=1)
    assert len(player.requests) == 6
    player.play(Answer(401, '{"code":"unauthorized","message":"unauthorized access"}'))
    with pytest.raises(StoreUnavailable, match="401 unauthorized access"):
        store.append(make_batch((series, T + 1, 1.0)), stream="main", position=2)
    player.play(Answer(400, '{"code":"invalid","message":"compilation failed"}'))
    with pytest.raises(StoreUnavailable, match="compilation failed"):
        store.position("main")


def test_buckets_are_put_together_from_five_results(
    player: InfluxPlayer, store: RemoteTelemetryStore
) -> None:
    first, second = f"{AT_T}Z", "2026-05-28T20:26:50Z"
    times = [f"{AT_T}.5Z", "2026-05-28T20:26:51Z"]
    values = {"first": [4.0, 7.0], "min": [1.0, 7.0], "mean": [3.0, 7.5], "max": [5.0, 8.0]}
    text = "".join(
        annotated(
            name,
            [
                {"_start": start, "_time": time, "_value": value}
                for start, time, value in zip((first, second), times, found, strict=True)
            ],
        )
        for name, found in values.items()
    ) + annotated("count", [{"_start": first, "_value": 3}, {"_start": second, "_value": 2}])
    player.play(text)
    found = store.query(KEY, from_s=T, to_s=T + 100, points=10)
    assert found.times_s.tolist() == [T + 0.5, T + 11]
    assert found.minimum.tolist() == [1.0, 7.0]
    assert found.mean.tolist() == [3.0, 7.5]
    assert found.maximum.tolist() == [5.0, 8.0]
    assert found.count.tolist() == [3, 2]
    assert "window(every: 10000000us, offset: 0us)" in player.requests[0].flux


def test_where_raw_is_forgotten_the_minutes_answer(player: InfluxPlayer) -> None:
    place = InfluxPlace(player.url, "o", "samples", "t")
    store = RemoteTelemetryStore(InfluxDb(place, kept_days=1, now_s=lambda: T + 1.5 * 86_400))
    minute = {"_start": f"{AT_T}Z", "_time": f"{AT_T}Z"}
    minutes = {"minimum": -1.0, "total": 30.0, "maximum": 9.0, "count": 10.0, "first": 10.0}
    player.play(
        "".join(annotated(name, [{**minute, "_value": v}]) for name, v in minutes.items()), NOTHING
    )
    found = store.query(KEY, from_s=T, to_s=T + 86_400, points=1)
    assert (found.minimum[0], found.mean[0], found.maximum[0], found.count[0]) == (-1, 3, 9, 10)
    old, new = (request.flux for request in player.requests)
    assert 'from(bucket: "samples_minutes")' in old
    assert 'from(bucket: "samples")' in new
    store.close()


def test_latest_position_and_count_are_read(
    player: InfluxPlayer, store: RemoteTelemetryStore
) -> None:
    row = {"device": "pump-1", "metric": "motor/current"}
    player.play(
        annotated("_result", [{"_time": f"{AT_T}Z", "unit": "A", **row}]),
        annotated("_result", [{"_time": f"{AT_T}.123456Z", "_value": 2.5, **row}]),
    )
    (latest,) = store.latest("pump-1")
    assert (latest.metric, latest.unit, latest.value) == ("motor/current", "A", 2.5)
    assert latest.time_s == pytest.approx(T + 0.123456, abs=1e-7)
    player.play(
        annotated("_result", [{"_value": 41.0}]), NOTHING, annotated("_result", [{"_value": 9}])
    )
    assert [store.position("main"), store.position("other"), store.count()] == [41, 0, 9]


def test_setup_makes_buckets_and_task_and_does_it_once(player: InfluxPlayer) -> None:
    place = InfluxPlace(player.url, "o", "samples", "t")
    org = '{"orgs":[{"id":"00000000000000aa","name":"o"}]}'
    made = (
        '{"id":"00000000000000bb","orgID":"00000000000000aa","name":"samples","retentionRules":[]}'
    )
    task = (
        '{"id":"00000000000000cc","orgID":"00000000000000aa","name":"samples_minutes","flux":"x"}'
    )
    none = '{"buckets":[]}'
    player.play(none, org, Answer(201, made), none, org, Answer(201, made))
    player.play('{"tasks":[]}', org, Answer(201, task))
    changes = set_up(place, Retention(days=30, minutes_days=900))
    assert len(changes) == 3
    posted = [json.loads(r.body) for r in player.requests if r.method == "POST"]
    assert [(p["name"], p["retentionRules"][0]["everySeconds"]) for p in posted[:2]] == [
        ("samples", 30 * 86_400),
        ("samples_minutes", 900 * 86_400),
    ]
    script = posted[2]["flux"]
    assert script == flux.downsampling_task(
        "samples_minutes", "samples", "samples_minutes", "forewarn"
    )
    known = (
        '{"buckets":[{"id":"00000000000000bb","orgID":"00000000000000aa","name":"b",'
        '"retentionRules":[{"type":"expire","everySeconds":%d}]}]}'
    )
    player.play(known % (30 * 86_400), known % (900 * 86_400))
    player.play(json.dumps({"tasks": [{"id": "cc", "orgID": "aa", "name": "x", "flux": script}]}))
    assert set_up(place, Retention(days=30, minutes_days=900)) == []
    player.play(Answer(401, '{"code":"unauthorized","message":"unauthorized access"}'))
    with pytest.raises(StoreUnavailable, match="unauthorized access"):
        set_up(place, Retention())


def every_text() -> list[str]:
    key, span = ('o"dd ${x}', "a\\b"), {"from_us": 1, "until_us": 10**15}
    grid = {"origin_us": 7, "width_us": 60_000_000}
    return [
        flux.newest("b", "m", ["d", key[0]], 5),
        flux.units("b", "m", ["d"], 5),
        flux.times("b", "m", "d", 1, 5),
        flux.count("b", "m", None, 5),
        flux.count("b", "m", key[0], 5),
        flux.position("b", "m", "s", 5),
        flux.raw_buckets("b", "m", key, **span, **grid),
        flux.minute_buckets("b", "m", key, **span, **grid),
        flux.downsampling_task("t", "b", "b_minutes", "m"),
    ]


@pytest.mark.slow
def test_every_flux_text_is_valid_by_flux_own_type_checker() -> None:
    """InfluxData's language server as WebAssembly: syntax, names of functions and arguments, types."""
    library = ROOT / "web" / "node_modules" / "@influxdata" / "flux-lsp-node"
    assert library.is_dir(), "run `make setup`"
    wrong = ["from(bucket: 1)", 'from(bucket: "b") |> range(strt: 0)', "x ="]
    node = hatch_build._node()[0]
    checked = subprocess.run(
        [node, "-e", CHECKER, library],
        input=json.dumps(every_text() + wrong),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(checked.stdout) == [True] * len(every_text()) + [False] * len(wrong)


@pytest.mark.parametrize(
    ("url", "token", "reason"),
    [
        ("influxdb+http://h:8086", "t", "org=ORG"),
        ("influxdb+http://h:8086?org=o&bucket=b", None, "telemetry_token"),
        ("influxdb+http://h:8086?org=o&bucket=b&x=1", "t", "unknown option x"),
    ],
)
def test_an_address_that_is_not_whole_is_refused(url: str, token: str | None, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        open_remote(url, token=token)


def test_one_that_is_not_there_is_said_so() -> None:
    store = open_remote("influxdb+http://127.0.0.1:1?org=o&bucket=b", token="secret")
    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        store.count()
    assert "secret" not in str(caught.value)
    store.close()
