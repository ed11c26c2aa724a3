"""The fleet's physics: reproducible, plausible, steady while healthy, and ill as scripted."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agent.wire import valid_device_id
from device_agent.wire.text import check_metric, check_unit
from server.demo.fleet.faults import Fault, FaultKind
from server.demo.fleet.machine import Machine, Readings
from server.demo.fleet.roster import FLEET, machines, script
from server.demo.fleet.weather import DAY_S, Climate, every, hour_of_day, is_weekend

STEP_S = 60.0


def two_weeks(machine: Machine, ready_s: float) -> Readings:
    return machine.advance(np.arange(ready_s - 14 * DAY_S, ready_s, STEP_S), STEP_S)


def column(readings: Readings, name: str) -> np.ndarray:
    return readings.columns[[m.name for m in readings.metrics].index(name)]


def daily_medians(values: np.ndarray) -> np.ndarray:
    return np.median(values.reshape(14, -1), axis=1)


@pytest.fixture(scope="module")
def healthy(ready_s: float) -> dict[str, Readings]:
    return {m.device_id: two_weeks(m, ready_s) for m in machines(seed=7, faults=())}


@pytest.fixture(scope="module")
def scripted(ready_s: float) -> dict[str, Readings]:
    fleet = machines(seed=7, faults=script(ready_s))
    return {m.device_id: two_weeks(m, ready_s) for m in fleet}


def test_names_and_units_are_fit_for_the_wire() -> None:
    assert len(FLEET) == 12
    assert len({m.device_id for m in FLEET}) == len({m.name for m in FLEET}) == 12
    for machine in machines(seed=1, faults=()):
        assert valid_device_id(machine.device_id)
        metrics = machine.advance(np.array([0.0]), 1.0).metrics
        assert 6 <= len(metrics) <= 9
        for metric in metrics:
            assert check_metric(metric.name)
            assert check_unit(metric.unit)


def test_the_script_troubles_only_members_and_leaves_half_of_them_alone(ready_s: float) -> None:
    troubled = {f.device_id for f in script(ready_s)}
    assert troubled <= {m.device_id for m in FLEET}
    assert len(FLEET) - len(troubled) >= 6
    assert len({f.kind for f in script(ready_s)}) >= 5


@given(
    cuts=st.lists(st.integers(0, 400), max_size=6),
    seed=st.integers(0, 1000),
    which=st.integers(0, 11),
)
@settings(max_examples=40, deadline=None)
def test_values_do_not_depend_on_how_the_time_is_cut(
    cuts: list[int], seed: int, which: int
) -> None:
    ready_s = 1_763_760_000.0
    times_s = ready_s + STEP_S * np.arange(-200, 200)
    whole = machines(seed=seed, faults=script(ready_s))[which].advance(times_s, STEP_S)
    piecewise = machines(seed=seed, faults=script(ready_s))[which]
    edges = [0, *sorted(cuts), 400]
    parts = [piecewise.advance(times_s[a:b], STEP_S) for a, b in itertools.pairwise(edges)]
    for k in range(len(whole.columns)):
        joined = np.concatenate([part.columns[k] for part in parts])
        assert joined.tolist() == whole.columns[k].tolist()


def test_another_seed_gives_another_fleet(ready_s: float) -> None:
    first, second = (two_weeks(machines(seed=s, faults=())[0], ready_s) for s in (1, 2))
    assert not np.array_equal(first.columns[3], second.columns[3])


def test_all_values_are_finite_and_within_what_the_sensor_can_show(
    scripted: dict[str, Readings],
) -> None:
    for readings in scripted.values():
        for metric, values in zip(readings.metrics, readings.columns, strict=True):
            assert np.isfinite(values).all()
            shown = values[values != metric.broken_shows]
            assert shown.size
            assert (shown >= metric.low).all()
            assert (shown <= metric.high).all()


def test_healthy_machines_do_not_drift(healthy: dict[str, Readings]) -> None:
    """The second week's days lie within the first week's, widened by its own spread."""
    for device_id, readings in healthy.items():
        for metric, values in zip(readings.metrics, readings.columns, strict=True):
            days = daily_medians(values)
            spread = max(days[:7].max() - days[:7].min(), 0.05 * values.std(), 3 * metric.quantum)
            moved = abs(days[7:].mean() - days[:7].mean())
            assert moved < spread, f"{device_id} {metric.name}"


def test_heat_flows_the_right_way(healthy: dict[str, Readings]) -> None:
    for device_id, readings in healthy.items():
        if not device_id.startswith("hp-"):
            continue
        supply, back = (
            column(readings, "supply/temperature"),
            column(readings, "return/temperature"),
        )
        outdoor = column(readings, "outdoor/temperature")
        current = column(readings, "compressor/current")
        assert (supply - back > 0).mean() > 0.999
        assert np.median(column(readings, "discharge/temperature") - supply) > 20
        assert np.corrcoef(outdoor, current)[0, 1] < -0.5
        flow = column(readings, "water/flow")
        heat_w = np.median(4190 * flow * (supply - back))
        # A coefficient of performance that exists: 2 to 7 at 230 V on one or three phases.
        assert 2 < heat_w / (230 * np.median(current)) < 7


def test_pumps_cold_stores_and_their_rhythm(healthy: dict[str, Readings]) -> None:
    store, pump = healthy["cs-fischmarkt-1"], healthy["wp-sued-1"]
    hour = hour_of_day(store.times_s)
    current = column(store, "compressor/current")
    assert np.median(current[(hour > 9) & (hour < 11)]) > 1.1 * np.median(current[hour < 3])
    assert (column(store, "condensing/pressure") > column(store, "suction/pressure")).all()
    flow = column(pump, "water/flow")
    assert np.median(flow[(hour > 7) & (hour < 8)]) > 1.4 * np.median(flow[(hour > 1) & (hour < 3)])


@pytest.mark.parametrize(
    ("device_id", "metric", "sign"),
    [
        ("hp-lindenweg-4", "suction/pressure", -1),
        ("hp-lindenweg-4", "discharge/temperature", 1),
        ("wp-sued-2", "vibration/rms", 1),
        ("wp-sued-2", "bearing/temperature", 1),
    ],
)
def test_a_slow_fault_shows_in_its_metrics(
    scripted: dict[str, Readings], device_id: str, metric: str, sign: int
) -> None:
    days = daily_medians(column(scripted[device_id], metric))
    first_week = days[:7]
    assert sign * (days[-1] - first_week.mean()) > 4 * first_week.std()


def test_a_fault_leaves_other_machines_alone(
    healthy: dict[str, Readings], scripted: dict[str, Readings]
) -> None:
    for device_id in ("hp-birkenallee-17", "cs-sommer", "wp-sued-1"):
        for before, after in zip(
            healthy[device_id].columns, scripted[device_id].columns, strict=True
        ):
            assert np.array_equal(before, after)


def test_a_stuck_sensor_shows_one_value_and_its_neighbours_live_on(
    scripted: dict[str, Readings], ready_s: float
) -> None:
    stuck = scripted["hp-lipowa-9"].since(ready_s - DAY_S)
    assert len(set(column(stuck, "outdoor/temperature").tolist())) == 1
    assert len(set(column(stuck, "supply/temperature").tolist())) > 20


def test_a_broken_wire_shows_what_no_machine_can_be(ready_s: float) -> None:
    [machine] = [m for m in machines(seed=7, faults=script(ready_s)) if m.device_id == "cs-gdynia"]
    readings = machine.advance(np.arange(ready_s, ready_s + 600.0, 10.0), 10.0)
    shown = column(readings, "oil/temperature")
    assert set(shown[readings.times_s >= ready_s + 90.0].tolist()) == {850.0}
    assert shown[readings.times_s < ready_s + 90.0].max() < 100.0


@pytest.mark.parametrize("kind", [k for k in FaultKind if k is not FaultKind.SILENT])
def test_every_kind_of_fault_does_something_to_some_machine(
    kind: FaultKind, ready_s: float
) -> None:
    times_s = np.arange(ready_s, ready_s + DAY_S, 300.0)
    changed = 0
    for which in (0, 5, 9):
        plain = machines(seed=3, faults=())[which]
        sensor = plain.advance(times_s[:0], 300.0).metrics[0].name
        metric = sensor if "sensor" in kind else None
        fault = Fault(plain.device_id, kind, ready_s, per_day=4.0, metric=metric)
        ill = machines(seed=3, faults=(fault,))[which]
        pairs = zip(
            plain.advance(times_s, 300.0).columns, ill.advance(times_s, 300.0).columns, strict=True
        )
        changed += any(not np.array_equal(a, b) for a, b in pairs)
    assert changed >= 1


def test_a_repair_ends_what_has_begun_and_only_that(ready_s: float) -> None:
    [machine] = [
        m for m in machines(seed=1, faults=script(ready_s)) if m.device_id == "cs-fischmarkt-2"
    ]
    [planned] = machine.faults
    machine.repair(planned.start_s - 1.0)
    assert machine.faults == (planned,)
    machine.repair(planned.start_s + 200.0)
    [fault] = machine.faults
    levels = fault.level(planned.start_s + np.array([0.0, 199.0, 200.0, 1e6]))
    assert levels[1] > 0.9
    assert levels[[0, 2, 3]].tolist() == [0.0, 0.0, 0.0]


def test_each_return_breaks_another_sensor(ready_s: float) -> None:
    returned_s = [ready_s + DAY_S * k for k in range(1, 6)]
    encores = [f for f in script(ready_s, returned_s) if f.start_s > ready_s + DAY_S / 2]
    assert [f.start_s - 60.0 for f in encores] == returned_s
    assert len({f.device_id for f in encores[:4]}) == 4
    assert script(ready_s, returned_s)[len(encores) :] == script(ready_s)
    known = {m.device_id: m for m in machines(seed=1, faults=())}
    for fault in encores:
        offered = known[fault.device_id].advance(np.empty(0), 1.0).metrics
        assert fault.metric in {m.name for m in offered}


def test_silence_is_a_span_of_time(ready_s: float) -> None:
    fleet = machines(seed=1, faults=script(ready_s))

    def silent(offsets_s: Sequence[float]) -> list[bool]:
        return [any(m.silent_at(ready_s + s) for m in fleet) for s in offsets_s]

    assert silent([0.0, 99.0, 100.0, 999.0, 1000.0]) == [False, False, True, True, False]


def test_calendar_and_weather() -> None:
    saturday_noon_s = 1_763_809_200.0  # 2025-11-22 11:00 UTC, noon where the fleet lives
    times_s = saturday_noon_s + DAY_S * np.arange(-1, 3)
    assert hour_of_day(times_s).tolist() == [12.0] * 4
    assert is_weekend(times_s).tolist() == [0.0, 1.0, 1.0, 0.0]
    assert every(np.array([0.0, 59.0, 60.0, 3600.0]), 3600.0, 60.0, 0.0).tolist() == [1, 1, 0, 1]
    year_s = np.arange(0, 365 * DAY_S, 3600.0)
    outdoor = Climate(mean_celsius=5.0).outdoor_celsius(year_s)
    assert abs(outdoor.mean() - 5.0) < 0.1
    assert outdoor.min() > -3
    assert outdoor.max() < 13
