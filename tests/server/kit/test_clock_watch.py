"""A clock that is set: said once; what deletes by it waits where it jumped far ahead."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from server.kit.clock import ManualClock, SystemClock
from server.kit.clock_watch import BELIEVED_AFTER_S, ClockWatch

DAY_S = 86_400.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 5, 1, 12, tzinfo=UTC))


def test_time_that_passes_is_believed(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    watch = ClockWatch(clock)
    for _ in range(10):
        clock.advance(seconds=30 * DAY_S)
        assert watch.believed()
    assert caplog.text == ""


def test_a_step_is_said_once_and_a_small_one_believed(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    watch = ClockWatch(clock)
    clock.step(seconds=3_600)
    with caplog.at_level(logging.WARNING):
        watch.look()
        watch.look()
    assert [record.getMessage() for record in caplog.records] == [
        "this machine's clock was set forward by 3600 s"
    ]
    assert watch.believed()


def test_a_far_step_forward_is_believed_after_a_day(clock: ManualClock) -> None:
    watch = ClockWatch(clock)
    clock.step(seconds=400 * DAY_S)
    assert not watch.believed()
    clock.advance(seconds=BELIEVED_AFTER_S - 1)
    assert not watch.believed()
    clock.advance(seconds=1)
    assert watch.believed()


def test_set_right_again_is_believed_at_once(clock: ManualClock) -> None:
    watch = ClockWatch(clock)
    clock.step(seconds=400 * DAY_S)
    assert not watch.believed()
    clock.step(seconds=-400 * DAY_S)
    assert watch.believed()


def test_of_this_machine() -> None:
    clock = SystemClock()
    before_s = clock.steady_s()
    assert ClockWatch(clock).believed()
    assert clock.steady_s() >= before_s
