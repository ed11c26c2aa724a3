"""Waits double up to the cap, are jittered, and start again after success."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.backoff import Backoff


@given(st.integers(), st.integers(1, 30))
def test_each_wait_lies_in_the_upper_half_of_its_ceiling(seed, count):
    backoff = Backoff(first_s=1.0, cap_s=60.0, rng=Random(seed))
    for n in range(count):
        ceiling_s = min(60.0, 2.0**n)
        assert ceiling_s / 2 <= backoff.next_s() <= ceiling_s
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_two_devices_do_not_come_back_together():
    waits = {Backoff(first_s=1.0, cap_s=60.0, rng=Random(seed)).next_s() for seed in range(50)}
    assert len(waits) == 50


def test_a_senseless_range_is_refused():
    with pytest.raises(ValueError, match="must hold"):
        Backoff(first_s=2.0, cap_s=1.0, rng=Random(1))
