"""Synthetic faults of each kind are found with their onset; healthy life raises nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from anomaly import Engine, EngineSettings, Finding
from anomaly.sentences import difference, quantity

Make = Callable[..., tuple[np.ndarray, np.ndarray]]
Run = Callable[..., list[Finding]]
HOUR_S = 3600.0


def only(found: list[Finding]) -> Finding:
    assert len({f.id for f in found}) == 1, [(f.kind, f.sentence) for f in found]
    return found[0]


def test_level_shift_with_its_onset(signal: Make, run: Run) -> None:
    times, values = signal(12_000)
    values[8000:] *= 1.18
    finding = only(run(Engine(), times, values))
    assert finding.kind == "level_shift"
    assert abs(finding.onset_s - times[8000]) <= 300
    assert finding.ended_s is None
    assert "18 % above its usual level since" in finding.sentence
    assert finding.evidence["usual"] == pytest.approx(20, abs=0.2)
    assert finding.evidence["now"] == pytest.approx(23.6, rel=0.05)


@pytest.mark.parametrize("hours", [2, 24])
def test_what_is_read_every_few_hours_is_judged_too(signal: Make, run: Run, hours: int) -> None:
    times, values = signal(1500, step_s=hours * HOUR_S)
    values[1000:] *= 1.18
    finding = run(Engine(), times, values)[0]
    assert finding.kind in {"level_shift", "drift"}
    assert times[998] <= finding.onset_s <= finding.detected_s <= times[1020]


def test_slow_drift_is_judged_against_commissioning(signal: Make, run: Run) -> None:
    times, values = signal(12_000, step_s=60)
    values[6000:] += np.linspace(0, 6, 6000)
    found = run(Engine(), times, values)
    assert {f.kind for f in found} <= {"drift", "level_shift", "deviation"}
    finding = found[0]
    assert times[5500] <= finding.onset_s <= times[8000]
    assert finding.detected_s <= times[9500], "before half of the drift has happened"


def test_shift_that_heals_is_told_with_its_end(signal: Make, run: Run) -> None:
    times, values = signal(16_000)
    values[8000:11_000] -= 6
    first, *_, last = run(Engine(), times, values)
    assert first.id == last.id
    assert last.ended_s is not None
    assert abs(last.ended_s - times[11_000]) <= HOUR_S


def test_stuck_sensor(signal: Make, run: Run) -> None:
    times, values = signal(9000)
    values[6000:] = values[6000]
    finding = only(run(Engine(), times, values))
    assert finding.kind == "stuck"
    assert finding.onset_s == times[6000]


def test_impossible_readings_at_once(signal: Make, run: Run) -> None:
    times, values = signal(50)
    values[20:] = 394.0
    finding = only(run(Engine(), times, values, "room/temperature", "Cel"))
    assert finding.kind == "out_of_range"
    assert finding.onset_s == times[20]
    assert finding.detected_s == times[22]
    assert "not possible" in finding.sentence


def test_a_loose_wire_is_one_problem(signal: Make, run: Run) -> None:
    times, values = signal(1000, step_s=60)
    for start in (300, 420, 500):
        values[start : start + 5] = 300.0
    found = run(Engine(), times, values, "room/temperature", "Cel")
    finding = only([f for f in found if f.kind == "out_of_range"])
    assert finding.onset_s == times[300]


def test_noise_that_grows(signal: Make, run: Run) -> None:
    times, values = signal(12_000)
    values[8000:] += np.random.default_rng(5).normal(0, 2.5, 4000)
    kinds = {f.kind for f in run(Engine(), times, values)}
    assert "variance" in kinds


def test_repeated_spikes_but_not_one(signal: Make, run: Run) -> None:
    times, values = signal(9000)
    once = values.copy()
    once[7000] += 60
    assert run(Engine(), times, once) == []
    values[[7000, 7040, 7090]] += 60
    assert {f.kind for f in run(Engine(), times, values)} == {"spike"}


def test_a_metric_missing_among_others(signal: Make, t0: float) -> None:
    engine = Engine()
    pair = np.array([engine.series("d", "a"), engine.series("d", "b")], np.int32)
    times, values = signal(400)
    both = np.tile(pair, 400), np.repeat(times, 2), np.repeat(values, 2)
    keep = (both[0] == pair[0]) | (both[1] < times[200]) | (both[1] >= times[350])
    found = engine.update(*(part[keep] for part in both), times[-1])
    assert [f.kind for f in found] == ["silence", "silence"]
    assert found[0].metrics == ("b",)
    assert found[0].onset_s == times[199]
    assert found[1].ended_s == times[350]


@pytest.mark.parametrize("daily", [0.0, 3.0])
@pytest.mark.parametrize("step_s", [1.0, 60.0, 600.0])
def test_healthy_life_raises_nothing(signal: Make, run: Run, step_s: float, daily: float) -> None:
    for seed in range(3):
        times, values = signal(12_000, step_s=step_s, daily=daily, seed=seed)
        assert run(Engine(), times, values) == []


@pytest.mark.parametrize("kind", ["constant", "steps", "door", "counter", "walk", "bursts"])
def test_harmless_shapes_raise_nothing(run: Run, kind: str, t0: float) -> None:
    random = np.random.default_rng(3)
    count = 10_000
    times = t0 + np.arange(count) * 10.0
    shapes = {
        "constant": np.full(count, 512.0),
        "steps": np.repeat([512.0, 513.0, 515.0, 516.0], count // 4),
        "door": (random.random(count) < 0.002).cumsum() % 2.0,
        "counter": np.arange(count) * 10.0,
        "walk": random.normal(0, 1, count).cumsum(),
        "bursts": random.pareto(1.2, count) * (random.random(count) < 0.2),
    }
    assert run(Engine(), times, shapes[kind], "thing", "") == []


def test_flagged_fault_is_not_learned(signal: Make, run: Run) -> None:
    times, values = signal(30_000)
    values[8000:] += 5
    engine = Engine()
    finding = only(run(engine, times, values))
    assert finding.kind == "level_shift"
    assert engine.open_findings(), "still open after three days of the same fault"
    baseline = engine.baseline(0)
    assert baseline is not None
    assert baseline.high < 24


def test_rebaseline_starts_anew(signal: Make, run: Run) -> None:
    times, values = signal(20_000)
    values[8000:] += 5
    engine = Engine()
    run(engine, times[:12_000], values[:12_000])
    assert engine.health("pump-1") < 0.9
    (ended,) = engine.rebaseline("pump-1", times[11_999], "repair")
    assert ended.ended_s == times[11_999]
    assert engine.health("pump-1") == 1.0
    assert engine.baseline(0) is None
    assert run(engine, times[12_000:], values[12_000:]) == []


def test_worse_is_told_again_with_the_same_id(signal: Make, run: Run) -> None:
    times, values = signal(16_000)
    values[8000:] += 2
    values[12_000:] += 12
    found = run(Engine(), times, values)
    level = [f for f in found if f.kind in {"level_shift", "drift"}]
    assert len({f.id for f in level}) == 1
    assert level[-1].severity > level[0].severity
    assert len({f.onset_s for f in level}) == 1
    first, last = (float(level[at].evidence["now"]) for at in (0, -1))
    assert first == pytest.approx(22, abs=0.5)
    assert last > 26, "as it is when it is told, not the mean since the onset"


@pytest.mark.parametrize("way", ["up", "restless", "off its day"])
def test_what_is_said_of_a_finding_is_what_its_evidence_says(
    signal: Make, run: Run, way: str
) -> None:
    daily = 6.0 if way == "off its day" else 0.0
    times, values = signal(16_000, step_s=60.0 if daily else 10.0, daily=daily)
    if way == "restless":
        noise = np.random.default_rng(3).normal(0, 1, 8000)
        values[8000:] += np.where(np.arange(8000) < 4000, 1.2, 12.0) * noise
    else:
        values[8000:] += 2
        values[12_000:] += 12
    told = [f for f in run(Engine(), times, values) if f.ended_s is None]
    by_id: dict[str, list[Finding]] = {}
    for finding in told:
        by_id.setdefault(finding.id, []).append(finding)
    grown = [one for one in by_id.values() if len(one) > 1]
    assert grown, [(f.kind, f.sentence) for f in told]
    for finding in (f for one in grown for f in one):
        assert shown(finding) in finding.sentence
    assert all(one[0].sentence != one[-1].sentence for one in grown)


def shown(finding: Finding) -> str:
    """The number in a finding's evidence that its sentence speaks of."""
    evidence = finding.evidence
    if finding.kind == "variance":
        return f"{float(evidence['step_now']) / float(evidence['step_usual']):.1f} times"
    key = "away_from_profile" if finding.kind == "deviation" else "now"
    if finding.kind == "drift":
        return difference(float(evidence["now"]), float(evidence["usual"]), "A")
    return quantity(abs(float(evidence[key])), "A")


def test_restart_after_a_long_gap_settles_and_is_judged(signal: Make, run: Run) -> None:
    times, values = signal(8000, step_s=1.0)
    engine = Engine()
    assert run(engine, times, values) == []
    later, other = signal(1500, step_s=1.0, level=32.0, noise=0.4, seed=2)
    other[900:] -= 1.5
    found = run(engine, later + 30 * 86400, other)
    finding = only(found)
    assert abs(finding.onset_s - (later[900] + 30 * 86400)) < 60


def test_held_device_is_judged_on_release(signal: Make, run: Run) -> None:
    times, values = signal(900)
    engine = Engine()
    run(engine, times[:10], values[:10])
    engine.hold("pump-1")
    run(engine, times[10:400], values[10:400])
    engine.release("pump-1")
    values[600:] += 4
    finding = only(run(engine, times[400:], values[400:]))
    assert abs(finding.onset_s - times[600]) < 200


def test_budget_makes_the_engine_more_or_less_cautious() -> None:
    strict = EngineSettings(false_alarms_per_device_day=1.0)
    calm = EngineSettings(false_alarms_per_device_day=0.0001)
    assert strict.caution < EngineSettings().caution < calm.caution
