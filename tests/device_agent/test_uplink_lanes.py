"""In which order a spool goes out: answers first, history before the present while that takes no time."""

from hypothesis import given
from hypothesis import strategies as st

from device_agent.spool import MemorySpool
from device_agent.uplink_lanes import Lanes


class Clock:
    s = 0.0

    def __call__(self):
        return self.s


def lanes_of(spool, clock, per_s=10.0, within_s=60.0):
    return Lanes(spool, backlog_per_s=per_s, in_order_within_s=within_s, monotonic=clock)


def put(spool, leaf, *texts):
    for text in texts:
        spool.put(leaf, text.encode(), 1.0)


def sent(lanes, room=100):
    return [entry.payload.decode() for entry in lanes.take(room)]


def test_events_and_results_do_not_wait_behind_a_backlog():
    spool, clock = MemorySpool(10**6), Clock()
    put(spool, "telemetry", *(f"t{n}" for n in range(50)))
    put(spool, "events", "e")
    lanes = lanes_of(spool, clock)
    assert lanes.begin() == 5.0
    assert sent(lanes)[0] == "e"
    put(spool, "results", "r")
    assert sent(lanes) == ["r"]


def test_a_short_backlog_goes_in_order_and_at_its_rate():
    spool, clock = MemorySpool(10**6), Clock()
    put(spool, "telemetry", *(f"t{n}" for n in range(25)))
    lanes = lanes_of(spool, clock)
    lanes.begin()
    put(spool, "telemetry", "live")
    assert sent(lanes) == [f"t{n}" for n in range(10)]
    assert 0 < lanes.wait_s() <= 0.1
    assert sent(lanes) == []
    clock.s = 0.5
    assert sent(lanes) == [f"t{n}" for n in range(10, 15)]
    clock.s = 60
    assert sent(lanes) == [f"t{n}" for n in range(15, 25)]
    clock.s = 61
    assert sent(lanes) == ["live"]
    assert lanes.is_empty()
    assert lanes.wait_s() == float("inf")


def test_a_backlog_that_takes_too_long_goes_beside_live_readings():
    spool, clock = MemorySpool(10**6), Clock()
    put(spool, "telemetry", *(f"t{n}" for n in range(30)))
    lanes = lanes_of(spool, clock, within_s=2.0)
    lanes.begin()
    put(spool, "telemetry", "live1")
    assert sent(lanes)[:2] == ["live1", "t0"]
    put(spool, "telemetry", "live2")
    clock.s = 0.1
    assert sent(lanes) == ["live2", "t10"]


@given(
    st.lists(st.sampled_from(["telemetry", "events"]), max_size=40),
    st.lists(st.sampled_from(["telemetry", "results", "wait"]), max_size=40),
    st.integers(1, 9),
    st.sampled_from([0.0, 60.0]),
)
def test_everything_is_given_exactly_once_and_each_lane_in_order(before, during, room, within_s):
    spool, clock = MemorySpool(10**6), Clock()
    for leaf in before:
        spool.put(leaf, b"", 1.0)
    lanes = lanes_of(spool, clock, within_s=within_s)
    lanes.begin()
    given_out = []
    for leaf in during:
        if leaf == "wait":
            clock.s += 0.3
            given_out += lanes.take(room)
        else:
            spool.put(leaf, b"", 1.0)
    while not lanes.is_empty():
        clock.s += 1.0
        given_out += lanes.take(room)
    ids = [entry.id for entry in given_out]
    assert sorted(ids) == [entry.id for entry in spool.after(0, 1000)]
    if within_s:
        telemetry = [entry.id for entry in given_out if entry.leaf == "telemetry"]
        assert telemetry == sorted(telemetry)
