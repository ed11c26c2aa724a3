"""Each source at its period, every reading dated once, outages told twice."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.sampler import Sampler
from device_agent.sensors.port import SensorDescription, Source


class Clock:
    def __init__(self):
        self.s = 1000.0

    def __call__(self):
        return self.s


def source(key, period_s, read):
    return Source(
        key, period_s, read, (SensorDescription(f"{key}/v", "V", "voltage", None, lambda v: v),)
    )


def sampler_of(clock, *sources, **more):
    return Sampler(sources, now=lambda: 1.7e9 + clock.s, monotonic=clock, **more)


def test_a_source_is_read_at_its_period_and_dated_when_read():
    clock = Clock()
    sampler = sampler_of(clock, source("a", 10, lambda: 1), source("b", 4, lambda: 2))
    times = {"a/v": [], "b/v": []}
    for _ in range(21):
        for reading in sampler.take_due().readings:
            times[reading.name].append(reading.time_s - 1.7e9 - 1000)
        clock.s += 1
    assert times == {"a/v": [0, 10, 20], "b/v": [0, 4, 8, 12, 16, 20]}


def test_a_late_source_is_read_once_not_as_often_as_it_was_missed():
    clock = Clock()
    sampler = sampler_of(clock, source("a", 1, lambda: 1))
    sampler.take_due()
    clock.s += 100
    assert len(sampler.take_due().readings) == 1
    assert sampler.take_due().readings == []
    assert sampler.wait_s() == pytest.approx(1)


@given(st.lists(st.floats(0.01, 30), max_size=30), st.floats(0.1, 20))
def test_readings_are_never_closer_than_planned_nor_dated_twice(steps, period_s):
    clock = Clock()
    sampler = sampler_of(clock, source("a", period_s, lambda: 1))
    seen = []
    for step in steps:
        seen += [reading.time_s for reading in sampler.take_due().readings]
        clock.s += step
    assert len(set(seen)) == len(seen)
    assert len(seen) <= 1 + (clock.s - 1000) / period_s + 1


def test_a_failing_sensor_is_told_once_and_once_when_it_is_back():
    clock = Clock()
    answers = iter([1, OSError("gone\x1b[2J"), OSError("gone"), math.nan, 2, 3])

    def read():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    sampler = sampler_of(clock, source("a", 1, read))
    told, values = [], []
    for _ in range(6):
        taken = sampler.take_due()
        told.append([event.kind for event in taken.events])
        values += [reading.value for reading in taken.readings]
        if taken.events and taken.events[0].kind == "sensor_stale":
            assert taken.events[0].detail == {"sensor": "a/v", "reason": "OSError: gone?[2J"}
        if taken.events and taken.events[0].kind == "sensor_back":
            assert taken.events[0].detail["missed"] == 3
        clock.s += 1
    assert told == [[], ["sensor_stale"], [], [], ["sensor_back"], []]
    assert values == [1.0, 2.0, 3.0]


def test_one_bad_value_leaves_its_neighbours_alone():
    clock = Clock()
    pair = Source(
        "p",
        1,
        lambda: {"good": 1},
        (
            SensorDescription("good", "", "x", None, lambda s: s["good"]),
            SensorDescription("bad", "", "x", None, lambda s: s["bad"]),
            SensorDescription("none_yet", "", "x", None, lambda _: None),
            SensorDescription("flag", "", "x", None, lambda _: True),
            SensorDescription("word", "", "x", None, lambda _: "a\x00b"),
        ),
    )
    taken = sampler_of(clock, pair).take_due()
    assert {r.name: r.value for r in taken.readings} == {"good": 1.0, "flag": True, "word": "a?b"}
    assert [event.detail["sensor"] for event in taken.events] == ["bad"]


def test_a_period_can_be_changed_for_one_for_a_group_and_for_all():
    clock = Clock()
    sampler = sampler_of(
        clock,
        source("disk/a", 10, lambda: 1),
        source("disk/b", 10, lambda: 1),
        source("cpu", 10, lambda: 1),
    )
    sampler.take_due()
    assert sampler.set_period("disk/a", 2) == ["disk/a"]
    assert sampler.wait_s() == pytest.approx(2)
    assert sampler.set_period("disk", 5) == ["disk/a", "disk/b"]
    assert sampler.set_period("", 1) == ["disk/a", "disk/b", "cpu"]
    assert sampler.set_period("nothing", 1) == []


def test_the_first_readings_wait_for_the_settling_time():
    clock = Clock()
    sampler = sampler_of(
        clock, source("slow", 10, lambda: 1), source("quick", 0.2, lambda: 1), settle_s=1.0
    )
    assert sampler.wait_s() == pytest.approx(0.2)
    clock.s += 1
    assert len(sampler.take_due().readings) == 2
    assert sampler_of(clock).wait_s() == math.inf
