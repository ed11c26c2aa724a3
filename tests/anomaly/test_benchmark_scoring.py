"""The benchmarks' own measures: NAB's scoring at its published extremes, VUS-PR against slow code."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

HOME = Path(__file__).resolve().parents[2] / "benchmarks/anomaly"
DATA = HOME.parents[2] / "shared/data/nab"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", HOME / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


nab, vus = load("nab_scoring"), load("vus")
PROFILES = tuple(nab.PROFILES)
WINDOWS = [(300, 399), (700, 749)]


def series(*alarms: int) -> list:
    marks = np.zeros(1000)
    marks[list(alarms)] = 1.0
    return [nab.Series(marks, WINDOWS)]


@pytest.mark.parametrize("profile", PROFILES)
def test_perfect_is_100_and_silent_is_0(profile: str) -> None:
    assert nab.best_score(series(300, 700), profile)[0] == pytest.approx(100.0)
    assert nab.best_score(series(), profile)[0] == 0.0


def test_an_early_alarm_earns_more_and_false_alarms_cost_by_profile() -> None:
    early, late = (nab.best_score(series(at, 700), "standard")[0] for at in (300, 390))
    assert early > late > 50
    at_one = [nab.score_at(series(300, 700, 600), profile, 1.0) for profile in PROFILES]
    # Two windows found at once, one alarm well behind a window: 100 less 0.11 of a window in four.
    assert at_one[0] == pytest.approx(100 - 100 * 0.11 / 4, abs=0.05)
    assert at_one[1] == pytest.approx(100 - 100 * 0.22 / 4, abs=0.05)
    assert at_one[2] == pytest.approx(100 - 100 * 0.11 / 6, abs=0.05)


def test_alarms_of_the_probation_do_not_count() -> None:
    assert nab.score_at(series(10, 149, 300, 700), "standard", 1.0) == pytest.approx(100.0)
    assert nab.score_at(series(150, 300, 700), "standard", 1.0) < 98


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="telemetry sets are not at ../shared/data")
def test_weights_are_those_of_the_data_s_profiles() -> None:
    given_profiles = json.loads((DATA / "config/profiles.json").read_text())
    for name, (hit, false, missed) in nab.PROFILES.items():
        weights = given_profiles[name]["CostMatrix"]
        assert (hit, false, missed) == tuple(
            weights[f"{kind}Weight"] for kind in ("tp", "fp", "fn")
        )


def slow_vus(labels: np.ndarray, scores: np.ndarray, window: int, levels: int) -> float:
    """The definition, threshold by threshold and row by row."""
    rows = len(labels)
    events = vus.spans_of(labels)
    cuts = np.sort(scores)[::-1][np.linspace(0, rows - 1, levels).astype(int)]
    areas = []
    for width in range(window + 1):
        soft = np.zeros(rows)
        segment = np.full(rows, -1)
        for number, (first, last) in enumerate(events):
            for row in range(rows):
                away = max(first - row, row - last, 0)
                if away == 0:
                    soft[row] += 1
                elif away <= width // 2:
                    soft[row] += (1 - away / width) ** 0.5
                if away <= width // 2:
                    segment[row] = number if segment[row] < 0 else segment[row]
        soft = np.minimum(soft, 1)
        joined = {int(n) for n in segment[segment >= 0]}
        before, area = 0.0, 0.0
        for cut in cuts:
            said = scores >= cut
            hit = float(soft[said].sum())
            positives = (labels.sum() + labels.sum() + soft[said & ~labels].sum()) / 2
            touched = len({int(n) for n in segment[said & (segment >= 0)]}) / len(joined)
            recall = min(hit / positives, 1.0) * touched
            area += (recall - before) * hit / said.sum()
            before = recall
        areas.append(area)
    return float(np.mean(areas))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 7))
def test_vus_is_what_its_definition_says(seed: int, window: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.zeros(120, bool)
    for start in (20, 60, 100):  # further apart than the shoulders reach
        labels[start : start + int(random.integers(1, 12))] = True
    scores = random.random(120).round(2) + 0.3 * labels
    fast = vus.vus_pr(labels, scores, window, 40)
    assert fast == pytest.approx(slow_vus(labels, scores, window, 40))


def test_vus_of_a_perfect_score_is_near_one_and_of_a_constant_the_share_of_events() -> None:
    labels = np.zeros(1000, bool)
    labels[400:500] = True
    assert vus.vus_pr(labels, labels.astype(float), 0) > 0.98
    assert vus.vus_pr(labels, np.ones(1000), 0) == pytest.approx(0.1)
