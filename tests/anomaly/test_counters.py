"""Counters: told from other readings, judged by their rate, resets and restarts; how often events come."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from anomaly import Engine, Finding

Floats = npt.NDArray[np.float64]
DAY = 1440
"""Readings of a day, one a minute."""


def fed(
    values: Floats, t0: float, unit: str = "", *, parts: int = 1
) -> tuple[Engine, list[Finding]]:
    engine = Engine()
    series = engine.series("d", "pulses", unit)
    times = t0 + np.arange(len(values)) * 60.0
    found: list[Finding] = []
    for at in np.array_split(np.arange(len(values)), parts):
        found += engine.update(
            np.full(len(at), series, np.int32), times[at], values[at], times[at][-1]
        )
    return engine, found


def pulses(days: int, usual: float = 20.0, later: float = 20.0, seed: int = 1) -> Floats:
    """A counter that counts `usual` a minute, and `later` on the last five days."""
    rates = np.full(days * DAY, usual)
    rates[-5 * DAY :] = later
    return np.cumsum(np.random.default_rng(seed).poisson(rates)).astype(float)


def started_anew(values: Floats, *places: int) -> Floats:
    values = values.copy()
    for place in places:
        values[place:] -= values[place] - 1
    return values


def test_a_counter_is_judged_by_how_fast_it_counts(t0: float) -> None:
    assert fed(pulses(15), t0)[1] == []
    _, found = fed(pulses(15, later=60.0), t0, "Wh")
    shift = next(f for f in found if f.kind == "level_shift")
    assert shift.onset_s == pytest.approx(t0 + 10 * DAY * 60, abs=600)
    assert shift.evidence["unit"] == "Wh/s"
    assert shift.evidence["counted"] == "per second"
    assert float(shift.evidence["now"]) == pytest.approx(1.0, rel=0.1)
    assert "Wh/s" in shift.sentence


def test_a_counter_has_no_band_of_its_readings(t0: float) -> None:
    engine, _ = fed(pulses(15), t0)
    assert engine.baseline(0) is None


def test_a_meter_with_decimals_is_known_after_a_day(t0: float) -> None:
    random = np.random.default_rng(3)
    meter = 4711.5 + np.round(np.cumsum(random.gamma(2.0, 0.01, 6 * DAY)), 3)
    _, found = fed(meter, t0)
    assert found == []
    meter[5 * DAY :] -= meter[5 * DAY] - 0.2
    _, found = fed(meter, t0)
    assert {f.kind for f in found} == {"counter_reset"}
    rising = 20 + 5 * np.sin(np.arange(6 * DAY) * 2 * np.pi / DAY)
    assert fed(rising, t0)[1] == [], "what rises for half a day is none"


def test_one_reset_is_a_hint_and_three_within_an_hour_are_a_problem(t0: float) -> None:
    _, found = fed(started_anew(pulses(15), 9000), t0, "B")
    hint, over = found
    assert (hint.kind, hint.onset_s) == ("counter_reset", t0 + 9000 * 60)
    assert hint.confidence < 0.5
    assert hint.severity < 0.3
    assert hint.evidence["value"] == 1.0
    assert over.ended_s == hint.onset_s + 3600
    _, found = fed(started_anew(pulses(15), 9000, 9010, 9025, 9031), t0)
    assert {f.id for f in found} == {found[0].id}
    worst = found[-1]
    assert worst.severity > 0.5
    assert worst.confidence > 0.8
    assert worst.ended_s == t0 + 9031 * 60 + 3600


def test_a_meter_of_the_day_starts_anew_every_day(t0: float) -> None:
    of_today = (np.arange(20.0 * DAY) * 3) % (3 * DAY)
    _, found = fed(of_today, t0)
    assert {f.kind for f in found} <= {"counter_reset"}
    assert max(f.onset_s for f in found) < t0 + 4 * DAY * 60
    assert max(f.confidence for f in found) < 0.5


def test_32_bits_run_over_without_a_word(t0: float) -> None:
    values = (pulses(15) * 1000 + 2**32 - 2e8) % 2**32
    assert values.argmin() > 5 * DAY
    assert fed(values, t0)[1] == []


def test_a_counter_beyond_32_bits_starts_anew_like_any_other(t0: float) -> None:
    _, found = fed(started_anew(pulses(15) + 1e10, 9000), t0, "B")
    assert [f.kind for f in found] == ["counter_reset", "counter_reset"]
    assert found[0].evidence["value"] == 1.0


def test_what_falls_by_a_little_was_no_counter(t0: float) -> None:
    level = np.round(np.random.default_rng(3).normal(500, 3, 12 * DAY))
    level[:100] = np.arange(100) + 400  # rose a hundred times at first
    engine, found = fed(level, t0)
    assert [f for f in found if f.kind == "counter_reset"] == []
    assert engine.baseline(0) is not None


@pytest.mark.parametrize("parts", [2, 7, 501])
def test_batches_change_nothing(t0: float, parts: int) -> None:
    values = started_anew(pulses(12, later=60.0), 9000, 9010, 9025, 9031)
    whole, found = fed(values, t0)
    in_parts, same = fed(values, t0, parts=parts)
    assert same == found
    assert in_parts.to_bytes() == whole.to_bytes()


def test_a_repair_does_not_make_a_counter_anew(t0: float) -> None:
    engine, _ = fed(pulses(15), t0)
    at_s = t0 + 15 * DAY * 60
    engine.rebaseline("d", at_s, "repair")
    counts = pulses(15)[-1]
    assert (
        engine.update(np.zeros(1, np.int32), np.array([at_s]), np.array([counts + 20.0]), at_s)
        == []
    )
    (told,) = engine.update(
        np.zeros(1, np.int32), np.array([at_s + 60]), np.array([2.0]), at_s + 60
    )
    assert told.kind == "counter_reset"


def door(days: int, later_days: int, later_chance: float, usual: float = 0.004) -> Floats:
    """Opens and shuts some five times a day, and then by chance in each minute."""
    random = np.random.default_rng(5)
    moves = random.random(days * DAY) < usual
    if later_days:
        moves[-later_days * DAY :] |= random.random(later_days * DAY) < later_chance
    return np.asarray(np.cumsum(moves) % 2.0, np.float64)


def test_a_door_that_never_rests(t0: float) -> None:
    assert [f for f in fed(door(60, 0, 0.0), t0)[1] if f.kind == "event_rate"] == []
    _, found = fed(door(20, 3, 0.1), t0)
    told = next(f for f in found if f.kind == "event_rate")
    assert t0 + 17 * DAY * 60 - 21_600 <= told.onset_s < told.detected_s < t0 + 17.3 * DAY * 60
    assert float(told.evidence["times"]) > 3 * float(told.evidence["most_in_six_hours"])
    assert "more often than ever" in told.sentence


def test_the_rush_is_over_with_a_block_like_any_other(t0: float) -> None:
    values = door(20, 3, 0.1)
    _, found = fed(np.concatenate([values, door(4, 0, 0.0)]), t0)
    (over,) = [f for f in found if f.kind == "event_rate" and f.ended_s is not None]
    assert t0 + 20 * DAY * 60 <= float(over.ended_s or 0) <= t0 + 20.5 * DAY * 60


def rushes(values: Floats, t0: float) -> list[Finding]:
    return [finding for finding in fed(values, t0)[1] if finding.kind == "event_rate"]


def test_before_a_week_was_watched_only_far_more_is_told(t0: float) -> None:
    rush = door(1, 1, 0.9)
    early, late = (rushes(np.concatenate([door(days, 0, 0.0, 0.02), rush]), t0) for days in (4, 9))
    assert len(early) == len(late) == 1
    assert early[0].onset_s >= t0 + 4 * DAY * 60 - 21_600
    assert float(early[0].evidence["times"]) > 1.5 * float(late[0].evidence["times"])
    assert rushes(np.concatenate([door(1, 0, 0.0, 0.02), rush]), t0) == []
    assert all(
        rushes(door(7, 0, 0.0, 0.02), t0 + hours * 3600.0) == [] for hours in range(0, 24, 6)
    )


def test_a_quiet_weekend_says_nothing_of_monday(t0: float) -> None:
    assert rushes(np.concatenate([np.zeros(3 * DAY), door(1, 1, 0.1)]), t0) == []
