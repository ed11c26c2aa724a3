"""A device's share: a minute of it may come at once, and not more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.shares import BRIM_S, LONGEST_PAUSE_S, Shares

NOW_S = 1_790_000_000.0


def test_a_share_sent_forever_is_no_excess() -> None:
    shares = Shares(samples_per_s=100)
    assert all(not shares.note({"d": 100.0}, at_s=NOW_S + second) for second in range(10_000))


def test_a_backlog_of_a_minute_may_come_at_once() -> None:
    shares = Shares(samples_per_s=100)
    assert shares.note({"d": 100 * BRIM_S}, at_s=NOW_S) == []
    assert len(shares.note({"d": 1.0}, at_s=NOW_S)) == 1


def test_excess_is_told_once_and_only_of_the_device_at_fault() -> None:
    shares = Shares(samples_per_s=100)
    told = [
        excess
        for second in range(10)
        for excess in shares.note({"mad": 100_000.0, "calm": 100.0}, at_s=NOW_S + second)
    ]
    (excess,) = told
    assert excess.device_id == "mad"
    assert excess.per_s == pytest.approx(100_000)
    assert excess.pause_s == LONGEST_PAUSE_S
    assert "100,000 samples a second, its share is 100" in str(excess)


def test_after_its_pause_half_a_minute_may_come_again() -> None:
    shares = Shares(samples_per_s=100)
    (excess,) = shares.note({"d": 100 * BRIM_S + 1}, at_s=NOW_S)
    back_s = NOW_S + excess.pause_s
    assert shares.note({"d": 100 * BRIM_S / 2 - 1}, at_s=back_s) == []
    assert len(shares.note({"d": 100.0}, at_s=back_s)) == 1


def test_a_clock_set_back_shows_nobody_out() -> None:
    """An hour of arrivals that were stamped once before: the bucket leaks on."""
    shares = Shares(samples_per_s=100)
    shares.note({"d": 50.0}, at_s=NOW_S)
    stamps = (NOW_S - 3_600 + second for second in range(3_600))
    assert all(not shares.note({"d": 50.0}, at_s=at_s) for at_s in stamps)


def test_no_limit() -> None:
    assert Shares(samples_per_s=0).note({"d": 1e12}, at_s=NOW_S) == []


@given(st.lists(st.tuples(st.floats(-100, 1000), st.floats(0, 1e7)), max_size=50))
def test_any_arrivals(steps: list[tuple[float, float]]) -> None:
    """Clocks that step back too: never a pause without end, never a negative one."""
    shares = Shares(samples_per_s=50)
    at_s = NOW_S
    for step_s, cost in steps:
        at_s += step_s
        for excess in shares.note({"d": cost}, at_s=at_s):
            assert 0 < excess.pause_s <= LONGEST_PAUSE_S
            assert excess.per_s > 0
