"""Unlike its peers: found within a day when new, after three days when slight, never for nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly.peers import LEAST_PEERS, day_levels, unlike_peers
from anomaly.score import score_csv

KIND = "devices of the same model"
Levels = dict[str, dict[int, float]]


def cohort(devices: int = 8, days: int = 20, seed: int = 0) -> Levels:
    """Each device has a place of its own around 4 °C and changes a little from day to day."""
    rng = np.random.default_rng(seed)
    own = 4.0 + rng.normal(0, 0.5, devices)
    table = own + rng.normal(0, 0.05, (days, devices))
    return {f"d{n}": dict(enumerate(table[:, n].tolist())) for n in range(devices)}


def test_one_that_leaves_its_peers_is_found_after_three_days_and_ends() -> None:
    levels = cohort()
    for day in range(10, 15):
        levels["d3"][day] = 8.0
    (finding,) = unlike_peers("air/temperature", "Cel", levels, KIND)
    assert (finding.device, finding.metrics) == ("d3", ("air/temperature",))
    assert finding.onset_s == 10 * 86400
    assert finding.detected_s in {11 * 86400, 13 * 86400}
    assert finding.ended_s == 15 * 86400
    assert finding.evidence["now"] == 8.0
    assert 3.0 < float(finding.evidence["peers_usual"]) < 5.0
    assert "devices of its kind" in finding.sentence


def test_a_new_device_is_judged_within_its_first_day() -> None:
    levels = cohort()
    levels["new"] = {19: 20.0}
    (finding,) = unlike_peers("air/temperature", "Cel", levels, KIND)
    assert (finding.device, finding.detected_s, finding.ended_s) == ("new", 20 * 86400, None)


def test_a_second_ill_device_hides_nothing() -> None:
    levels = cohort()
    for day in range(10, 20):
        levels["d1"][day] = levels["d2"][day] = 12.0
    found = unlike_peers("air/temperature", "Cel", levels, KIND)
    assert {finding.device for finding in found} == {"d1", "d2"}


def test_too_few_peers_and_measures_of_use_say_nothing() -> None:
    few = cohort(LEAST_PEERS)
    few["d0"] = dict.fromkeys(range(20), 99.0)
    assert unlike_peers("t", "Cel", few, KIND) == []
    load = cohort()
    load["d0"] = dict.fromkeys(range(20), 99.0)
    assert unlike_peers("cpu/load", "/", load, KIND) == []


@pytest.mark.parametrize("tail", ["normal", "student", "lognormal", "uniform"])
def test_the_budget_holds_on_healthy_cohorts(tail: str) -> None:
    """At most one false finding per device and quarter, for a device of ten metrics."""
    rng = np.random.default_rng(7)
    draw = {
        "normal": lambda n: rng.normal(20, 3, n),
        "student": lambda n: 20 + rng.standard_t(3, n),
        "lognormal": lambda n: rng.lognormal(0, 1, n),
        "uniform": lambda n: rng.uniform(0, 9, n),
    }[tail]
    false, metrics, devices = 0, 300, 10
    for _ in range(metrics):
        own = draw(devices)
        table = own + rng.normal(0, 0.05 * own.std(), (30, devices))
        levels = {f"d{n}": dict(enumerate(table[:, n].tolist())) for n in range(devices)}
        false += len(unlike_peers("level", "", levels, KIND))
    # 300 metrics of 10 devices are 300 devices of ten metrics; what differs lasts, so it is told once.
    assert false / metrics <= 1.0


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([f"d{n}" for n in range(9)]),
        st.dictionaries(
            st.integers(0, 30), st.floats(allow_nan=False, allow_infinity=False, width=32)
        ),
    )
)
def test_any_levels_give_findings_in_order(levels: Levels) -> None:
    found = unlike_peers("m", "", levels, KIND)
    assert [f.onset_s for f in found] == sorted(f.onset_s for f in found)
    for finding in found:
        assert finding.onset_s < finding.detected_s
        assert finding.ended_s is None or finding.ended_s >= finding.detected_s
        assert 0 <= finding.severity <= 1
        assert 0 <= finding.confidence <= 1


def test_levels_are_of_whole_days_in_any_order() -> None:
    times = np.arange(0, 2.5 * 86400, 3600.0)
    values = np.column_stack([times // 86400, np.where(times < 86400, np.nan, 7.0)])
    order = np.random.default_rng(1).permutation(len(times))
    levels = day_levels(times[order], values[order])
    assert levels[0][0] == 0.0
    assert np.isnan(levels[0][1])
    assert levels[1].tolist() == [1.0, 7.0]
    assert np.isnan(levels[2]).all()


def test_scored_files_are_one_cohort_unless_told_otherwise(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    times = np.arange(0, 6 * 86400, 1800)
    paths = []
    for n in range(8):
        value = 4 + 0.3 * n + rng.normal(0, 0.1, len(times)) + (20 if n == 5 else 0)
        lines = [f"2026-05-{1 + t // 86400:02d}T{t % 86400 // 3600:02d}:{t % 3600 // 60:02d}:00Z,{v:.3f}"
                 for t, v in zip(times.tolist(), value.tolist(), strict=True)]  # fmt: skip
        paths.append(tmp_path / f"fridge{n}.csv")
        paths[-1].write_text("time,temperature\n" + "\n".join(lines) + "\n")
    report = score_csv(paths, out=tmp_path / "with.csv")
    alone = score_csv(paths, cohort=False, out=tmp_path / "without.csv").findings
    more = [finding for finding in report.findings if finding not in alone]
    assert [(f.device, f.kind) for f in more] == [("fridge5", "unlike_peers")]
    assert all(finding.kind != "unlike_peers" for finding in alone)
    assert (tmp_path / "with.csv").read_bytes() == (tmp_path / "without.csv").read_bytes()
