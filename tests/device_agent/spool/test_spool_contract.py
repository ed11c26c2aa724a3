"""The rules of the spool's port, for every spool."""

import itertools
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from device_agent.spool import MemorySpool, SqliteSpool
from device_agent.spool.port import ENTRY_OVERHEAD_BYTES


@pytest.fixture(params=["memory", "sqlite", "young", "young in a file"])
def make(request, tmp_path):
    made = []

    def build(quota_bytes=1_000_000):
        spool = (
            MemorySpool(quota_bytes)
            if request.param == "memory"
            else SqliteSpool(
                tmp_path / "s",
                quota_bytes,
                flush_s=3600 if "young" in request.param else 0,
                young_directory=tmp_path if "file" in request.param else None,
            )
        )
        made.append(spool)
        return spool

    yield build
    for spool in made:
        spool.close()


def test_entries_come_out_whole_and_in_order(make):
    spool = make()
    ids = [spool.put("telemetry", bytes([n]) * n, 100.0 + n) for n in range(5)]
    assert ids == sorted(ids)
    assert [(e.id, e.leaf, e.put_s, e.payload) for e in spool.after(0, 10)] == [
        (ids[n], "telemetry", 100.0 + n, bytes([n]) * n) for n in range(5)
    ]
    assert [e.id for e in spool.after(ids[1], 2)] == ids[2:4]


def test_only_what_is_deleted_is_gone(make):
    spool = make()
    ids = [spool.put("events", b"x", 1.0) for _ in range(4)]
    spool.delete([ids[0], ids[2], 999_999])
    spool.delete([])
    assert [e.id for e in spool.after(0, 10)] == [ids[1], ids[3]]


def test_an_id_is_never_given_twice(make):
    spool = make()
    first = spool.put("events", b"x", 1.0)
    spool.delete([first])
    assert spool.put("events", b"y", 1.0) > first


def test_depth_says_how_much_and_since_when(make):
    spool = make()
    assert (spool.depth().count, spool.depth().size_bytes, spool.depth().oldest_s) == (0, 0, None)
    spool.put("events", b"12345", 7.0)
    spool.put("events", b"1", 9.0)
    depth = spool.depth()
    assert (depth.count, depth.oldest_s) == (2, 7.0)
    assert depth.size_bytes == 6 + 2 * ENTRY_OVERHEAD_BYTES


COST = 100 + ENTRY_OVERHEAD_BYTES


def test_of_the_last_hour_the_oldest_go_first_and_are_counted_until_reported(make):
    spool = make(quota_bytes=10 * COST)
    ids = [spool.put("telemetry", b"x" * 100, float(n)) for n in range(14)]
    kept = [e.id for e in spool.after(0, 100)]
    assert kept == ids[-len(kept) :]
    assert len(kept) >= 9
    lost = spool.dropped()
    assert (lost.count, lost.size_bytes) == (14 - len(kept), 100 * (14 - len(kept)))
    assert (lost.oldest_s, lost.newest_s, lost.thinned) == (0.0, lost.count - 1.0, 0)
    spool.forget_dropped()
    assert spool.dropped().count == 0


def test_old_telemetry_is_thinned_before_any_of_it_is_lost_and_events_stay(make):
    spool = make(quota_bytes=100 * COST)
    event = spool.put("events", b"e" * 100, 0.0)
    hours = 400
    for n in range(hours):
        spool.put("telemetry", b"x" * 100, n * 3600.0)
    kept = spool.after(0, 1000)
    assert kept[0].id == event
    assert spool.depth().size_bytes <= 100 * COST
    times_h = [e.put_s / 3600 for e in kept[1:]]
    gaps = [b - a for a, b in itertools.pairwise(times_h)]
    assert times_h[0] <= 8
    assert times_h[-1] == hours - 1
    assert max(gaps) <= 8, "an outage four times too long is still seen from end to end"
    lost = spool.dropped()
    assert lost.thinned == lost.count == hours + 1 - len(kept)


def test_results_and_events_are_a_lane_of_their_own(make):
    spool = make()
    for leaf in ("telemetry", "events", "telemetry", "results"):
        spool.put(leaf, leaf.encode(), 1.0)
    assert [e.leaf for e in spool.after(0, 9, "urgent")] == ["events", "results"]
    assert [e.leaf for e in spool.after(0, 9, "telemetry")] == ["telemetry"] * 2
    assert (spool.count(), spool.count("urgent"), spool.count("telemetry")) == (4, 2, 2)


def test_what_waited_too_long_is_dropped_and_counted(make):
    spool = make()
    spool.put("telemetry", b"old", 0.0)
    young = spool.put("events", b"young", 5 * 86_400.0)
    spool.expire(10 * 86_400.0, 7.0)
    assert [e.id for e in spool.after(0, 9)] == [young]
    assert (spool.dropped().count, spool.dropped().size_bytes) == (1, 3)
    assert spool.depth().size_bytes == 5 + ENTRY_OVERHEAD_BYTES


def test_a_message_above_the_whole_quota_is_kept_alone(make):
    spool = make(quota_bytes=1000)
    spool.put("telemetry", b"small", 1.0)
    big = spool.put("telemetry", b"x" * 5000, 2.0)
    assert [e.id for e in spool.after(0, 10)] == [big]


def test_many_threads_lose_nothing(make):
    spool = make()

    def work(name):
        for n in range(20):
            spool.put("telemetry", f"{name}-{n}".encode(), 1.0)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    payloads = [e.payload for e in spool.after(0, 1000)]
    assert sorted(payloads) == sorted(f"{name}-{n}".encode() for name in "abc" for n in range(20))


class SpoolsAgree(RuleBasedStateMachine):
    """Whatever is done, the disk's spool holds what the memory's does; also across reopening."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.memory = MemorySpool(900)
        self.clock_s = 0.0
        self.open()

    def open(self):
        self.sqlite = SqliteSpool(
            self.path, 900, flush_s=5, young_directory=self.path, monotonic=lambda: self.clock_s
        )

    @rule(
        size=st.integers(0, 300),
        put_s=st.floats(0, 1e5),
        leaf=st.sampled_from(["telemetry", "telemetry", "events"]),
    )
    def put(self, size, put_s, leaf):
        assert self.memory.put(leaf, b"x" * size, put_s) == self.sqlite.put(
            leaf, b"x" * size, put_s
        )

    @rule(now_s=st.floats(0, 2e5))
    def expire(self, now_s):
        self.memory.expire(now_s, 1.0)
        self.sqlite.expire(now_s, 1.0)

    @rule()
    def settle(self):
        self.clock_s += 10
        self.sqlite.settle()

    @precondition(lambda self: self.memory.depth().count)
    @rule(data=st.data())
    def delete(self, data):
        ids = [e.id for e in self.memory.after(0, 100)]
        chosen = data.draw(st.lists(st.sampled_from(ids)))
        self.memory.delete(chosen)
        self.sqlite.delete(chosen)

    @rule()
    def forget(self):
        self.memory.forget_dropped()
        self.sqlite.forget_dropped()

    @rule()
    def reopen(self):
        self.sqlite.close()
        self.open()

    @invariant()
    def same(self):
        assert self.memory.after(0, 100) == self.sqlite.after(0, 100)
        assert self.memory.depth() == self.sqlite.depth()
        assert self.memory.dropped() == self.sqlite.dropped()

    def teardown(self):
        self.sqlite.close()
        self.folder.cleanup()


SpoolsAgree.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestSpoolsAgree = SpoolsAgree.TestCase
