"""Report on change: what leaves its band goes out at once, the rest by the heartbeat, times untouched."""

from hypothesis import given
from hypothesis import strategies as st

from device_agent.delivery_settings import ChangeSettings
from device_agent.packer_changes import ChangeFilter
from device_agent.sampler import Reading


class Clock:
    s = 0.0

    def __call__(self):
        return self.s


def run(values, *, dead_band, heartbeat_s, name="t/a", rules=None):
    clock = Clock()
    rules = rules or (ChangeSettings("t/*", dead_band, heartbeat_s),)
    passer = ChangeFilter(rules, monotonic=clock)
    out = []
    for n, value in enumerate(values):
        clock.s = float(n)
        out += passer.pass_on([Reading(name, "V", 1.7e9 + n, value)])
    return out


def test_a_step_brings_the_last_quiet_reading_with_it():
    out = run([1.0, 1.0, 1.1, 5.0, 5.0], dead_band=0.5, heartbeat_s=100)
    assert [(r.time_s - 1.7e9, r.value) for r in out] == [(0, 1.0), (2, 1.1), (3, 5.0)]


def test_the_heartbeat_shows_that_it_lives():
    out = run([1.0] * 25, dead_band=0.5, heartbeat_s=10)
    assert [r.time_s - 1.7e9 for r in out] == [0, 10, 20]


def test_what_no_rule_names_is_passed_on_and_the_first_rule_counts():
    assert len(run([1.0] * 5, dead_band=1, heartbeat_s=100, name="other")) == 5
    rules = (ChangeSettings("t/a", 0.0, 2.0), ChangeSettings("*", 9.0, 1000.0))
    assert len(run([1.0] * 5, dead_band=0, heartbeat_s=0, rules=rules)) == 3


def test_texts_and_switches_are_sent_when_they_differ():
    assert [r.value for r in run([True, True, False], dead_band=9, heartbeat_s=99)] == [
        True, True, False,
    ]  # fmt: skip
    assert [r.value for r in run(["a", "b", "b"], dead_band=9, heartbeat_s=99)] == ["a", "b"]


@given(st.lists(st.floats(-100, 100), max_size=60), st.floats(0, 10), st.integers(1, 20))
def test_every_reading_is_within_the_band_of_the_last_one_sent(values, dead_band, heartbeat_s):
    out = {r.time_s: r.value for r in run(values, dead_band=dead_band, heartbeat_s=heartbeat_s)}
    shown, shown_s = None, 0
    for n, value in enumerate(values):
        if 1.7e9 + n in out:
            assert out[1.7e9 + n] == value
            shown, shown_s = value, n
        assert abs(value - shown) <= dead_band
        assert n - shown_s <= heartbeat_s
