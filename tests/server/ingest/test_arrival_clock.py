"""What time it is by the stamps of arrivals: nobody's clock that is set makes anybody silent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.arrival_clock import JUMP_S, ArrivalClock
from server.kit.clock import ManualClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOON_S = NOON.timestamp()


def test_before_the_first_message_it_is_this_machines() -> None:
    clock = ManualClock(NOON)
    arrivals = ArrivalClock(clock)
    clock.advance(seconds=7)
    assert arrivals.now_s() == NOON_S + 7


def test_it_runs_on_while_nothing_arrives_whatever_is_done_to_our_clock() -> None:
    clock = ManualClock(NOON)
    arrivals = ArrivalClock(clock)
    assert arrivals.heard(NOON_S - 0.5), "the first is a jump: nobody knows what was before"
    clock.step(seconds=-86_400)
    clock.advance(seconds=100)
    assert arrivals.now_s() == NOON_S + 99.5


@pytest.mark.parametrize("step_s", [-3_600.0, -JUMP_S - 1, JUMP_S + 1, 3_600.0])
def test_stamps_that_jump_are_told_and_followed(step_s: float) -> None:
    clock = ManualClock(NOON)
    arrivals = ArrivalClock(clock)
    arrivals.heard(NOON_S)
    clock.advance(seconds=10)
    assert arrivals.heard(NOON_S + 10 + step_s)
    assert arrivals.now_s() == NOON_S + 10 + step_s


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 5)), max_size=30))
def test_messages_that_take_a_while_are_no_jump(arrived: list[tuple[float, float]]) -> None:
    """Now is never later than it is: who is quiet is called so too late rather than too early."""
    clock = ManualClock(NOON)
    arrivals = ArrivalClock(clock)
    arrivals.heard(NOON_S)
    for pause_s, way_s in arrived:
        clock.advance(seconds=pause_s)
        stamped_s = clock.now().timestamp() - way_s
        assert not arrivals.heard(stamped_s)
        assert arrivals.now_s() <= clock.now().timestamp() + 1e-3
