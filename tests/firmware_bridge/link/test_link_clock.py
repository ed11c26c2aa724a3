"""The clock map: drift, late arrivals, wrap after 49.7 days, a stepped clock of the host."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.link.clock import WRAP_MS, ClockMap

T0 = 1.7e9


def follow(
    clock: ClockMap,
    seconds: float,
    ppm: float,
    *,
    start_ms: float = 0,
    delay=lambda: 0.0,
    every=5.0,
) -> float:
    """Let an MCU run whose clock is slow by ppm; returns the true time of the end."""
    at = 0.0
    while at <= seconds:
        mcu_ms = int(start_ms + at / (1 + ppm * 1e-6) * 1000)
        arrived = T0 + at + delay()
        clock.observe(clock.unwrap(mcu_ms % WRAP_MS, arrived), arrived)
        at += every
    return T0 + at - every


@pytest.mark.parametrize("ppm", [-5000, -80, 0, 30, 5000])
def test_drift_is_estimated_through_jitter(ppm: float) -> None:
    random = Random(7)
    clock = ClockMap()
    end = follow(clock, 1500, ppm, delay=lambda: random.expovariate(1 / 0.02))
    assert clock.drift_ppm == pytest.approx(ppm, abs=15)
    last = clock.last_ms
    assert last is not None
    assert clock.utc_s(last) == pytest.approx(end, abs=0.02)


def test_late_frames_do_not_move_the_map() -> None:
    clock = ClockMap()
    follow(clock, 100, 0)
    before = clock.utc_s(200_000)
    clock.observe(101_000, T0 + 101 + 1.5)  # the host was busy for 1.5 s
    clock.observe(102_000, T0 + 102)
    assert clock.utc_s(200_000) == pytest.approx(before, abs=0.001)


@given(st.integers(-3_600_000, 3_600_000), st.integers(1, 3))
def test_wrap_is_followed(offset_ms: int, turns: int) -> None:
    clock = ClockMap()
    start = turns * WRAP_MS + offset_ms
    clock.observe(start, T0)
    for minute in range(1, 200, 7):
        true = start + minute * 60_000
        arrived = T0 + minute * 60 + 0.05
        assert clock.unwrap(true % WRAP_MS, arrived) == true
        clock.observe(true, arrived)


def test_step_back_of_the_host_is_taken_at_once() -> None:
    clock = ClockMap()
    follow(clock, 200, 0)
    clock.observe(205_000, T0 + 205 - 3600)
    assert clock.utc_s(206_000) == pytest.approx(T0 + 206 - 3600, abs=0.001)


def test_step_forward_is_taken_after_a_window() -> None:
    clock = ClockMap()
    follow(clock, 200, 0)
    for second in range(205, 300, 5):
        clock.observe(second * 1000, T0 + second + 3600)
    assert clock.utc_s(300_000) == pytest.approx(T0 + 300 + 3600, abs=0.001)


def test_reset_is_told_from_going_on() -> None:
    clock = ClockMap()
    assert not clock.continues(5, T0)
    clock.observe(3_400_000_000, T0)
    assert clock.continues(3_400_010_000, T0 + 10)
    assert clock.continues((3_400_000_000 + 900_000_000) % WRAP_MS, T0 + 900_000)
    assert not clock.continues(12, T0 + 10)
    assert not clock.continues(3_300_000_000, T0 + 10)
