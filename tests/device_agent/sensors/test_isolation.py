"""A sensor that blocks, fails or returns rubbish delays nobody, and is told once each way."""

import threading
import time

import pytest

from device_agent.sampler import Sampler
from device_agent.sensors.port import SensorDescription, Source
from device_agent.workers import Workers


class Blocking:
    """Gives its value when it is let go."""

    def __init__(self):
        self.gate = threading.Event()
        self.asked = threading.Semaphore(0)
        self.calls = 0

    def read(self):
        self.calls += 1
        self.asked.release()
        assert self.gate.wait(30)
        return float(self.calls)


def source(key, read, deadline_s=None, period_s=1.0):
    row = SensorDescription(f"{key}/v", "V", "voltage", None, lambda v: v)
    return Source(key, period_s, read, (row,), deadline_s)


class Bench:
    """A sampler on a clock that is turned by hand."""

    def __init__(self, *sources):
        self.s = 1000.0
        self.woken = threading.Semaphore(0)
        self.sampler = Sampler(
            sources,
            now=lambda: 1.7e9 + self.s,
            monotonic=lambda: self.s,
            on_ready=self.woken.release,
        )

    def turn(self, seconds=1.0):
        self.s += seconds

    def take(self):
        taken = self.sampler.take_due()
        values = [(r.name, r.time_s - 1.7e9, r.value) for r in taken.readings]
        return values, [(e.kind, e.detail) for e in taken.events]


@pytest.fixture
def slow():
    made = Blocking()
    yield made
    made.gate.set()


def test_a_blocking_sensor_delays_nobody_and_has_one_read_on_its_way(slow):
    bench = Bench(source("slow", slow.read, 5.0), source("quick", lambda: 1.0))
    for second in range(20):
        values, _ = bench.take()
        assert values == [("quick/v", 1000.0 + second, 1.0)]
        bench.turn()
    assert slow.asked.acquire(timeout=30)
    assert slow.calls == 1


def test_it_is_stale_once_and_back_once_with_the_count_missed(slow):
    bench = Bench(source("slow", slow.read, 2.5))
    told = []
    for _ in range(8):
        told += bench.take()[1]
        bench.turn()
    ((kind, detail),) = told
    assert (kind, detail) == (
        "sensor_stale",
        {"sensor": "slow/v", "reason": "no answer within 2.5 s"},
    )
    slow.gate.set()
    assert bench.woken.acquire(timeout=30)
    # What came late is nobody's value; the next one is the first again.
    values, told = bench.take()
    assert bench.woken.acquire(timeout=30)
    more, more_told = bench.take()
    assert values + more == [("slow/v", 1008.0, 2.0)]
    (back,) = told + more_told
    assert back[0] == "sensor_back"
    assert back[1]["since_s"] == 1.7e9 + 1003
    assert back[1]["missed"] >= 5


def test_a_value_keeps_the_moment_its_read_began(slow):
    bench = Bench(source("slow", slow.read, 5.0, period_s=10.0))
    assert bench.take() == ([], [])
    assert slow.asked.acquire(timeout=30)
    bench.turn(3.0)
    slow.gate.set()
    assert bench.woken.acquire(timeout=30)
    bench.turn(4.0)
    assert bench.take() == ([("slow/v", 1000.0, 1.0)], [])


def test_the_loop_is_told_when_a_read_will_be_late(slow):
    bench = Bench(source("slow", slow.read, 0.4, period_s=10.0))
    bench.take()
    assert bench.sampler.wait_s() == pytest.approx(0.4)
    bench.turn(0.4)
    assert bench.sampler.wait_s() == 0.0
    assert [kind for kind, _ in bench.take()[1]] == ["sensor_stale"]
    assert bench.sampler.wait_s() == pytest.approx(9.6)


def test_twenty_hanging_sensors_hang_each_for_itself():
    many = [Blocking() for _ in range(20)]
    bench = Bench(*(source(f"s{n}", each.read, 1.0) for n, each in enumerate(many)))
    bench.take()
    for each in many:
        assert each.asked.acquire(timeout=30)
    for each in many:
        each.gate.set()
    for _ in many:
        assert bench.woken.acquire(timeout=30)
    assert len(bench.take()[0]) == 20


def test_reading_all_now_waits_no_longer_than_the_deadlines(slow):
    sampler = Sampler(
        [source("slow", slow.read, 0.2), source("ok", lambda: 7.0, 5.0)],
        now=time.time,
        monotonic=time.monotonic,
    )
    begun = time.monotonic()
    assert [(r.name, r.value) for r in sampler.read_all(20.0)] == [("ok/v", 7.0)]
    assert time.monotonic() - begun < 20
    # What was read for the one who asked is telemetry all the same.
    taken = sampler.take_due()
    assert [r.name for r in taken.readings] == ["ok/v"]
    assert sampler.latest("ok/v").value == 7.0
    assert sampler.stale_names == ["slow/v"]


def test_a_text_is_told_when_it_changes():
    words = iter(["a", "a", "b", "b", "a"])
    bench = Bench(source("t", lambda: next(words)))
    told = []
    for _ in range(5):
        told += [value for _, _, value in bench.take()[0]]
        bench.turn()
    assert told == ["a", "b", "a"]


def test_an_offset_is_added_to_numbers_only():
    offsets = {"n/v": -0.5, "b/v": 3.0}
    sampler = Sampler(
        [source("n", lambda: 2.0), source("b", lambda: True)],
        now=lambda: 1.7e9,
        monotonic=lambda: 0.0,
        offsets=offsets,
    )
    assert [r.value for r in sampler.take_due().readings] == [1.5, True]


def test_workers_are_used_again_and_surplus_ones_end():
    workers, done = Workers(), threading.Semaphore(0)
    before = threading.active_count()
    for _ in range(50):
        workers.run(done.release)
        assert done.acquire(timeout=30)
    gate = threading.Event()

    def wait():
        gate.wait(30)
        done.release()

    for _ in range(12):
        workers.run(wait)
    gate.set()
    for _ in range(12):
        assert done.acquire(timeout=30)
    deadline = time.monotonic() + 30
    while threading.active_count() > before + 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before + 4


def test_quick_reads_at_once_share_two_threads_and_hanging_ones_get_their_own():
    workers, done = Workers(patience_s=0.02), threading.Semaphore(0)
    names = set()

    def quick():
        names.add(threading.current_thread().name)
        done.release()

    patient = Workers(patience_s=600.0)
    for _ in range(100):
        patient.run(quick)
    for _ in range(100):
        assert done.acquire(timeout=30)
    assert len(names) <= 2
    gate = threading.Event()
    for _ in range(30):
        workers.run(lambda: gate.wait(60))
    workers.run(quick)
    assert done.acquire(timeout=30), "thirty that hang hold up nobody"
    gate.set()
