"""The rules of the spool's port, for every spool."""

import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from device_agent.spool import MemorySpool, SqliteSpool
from device_agent.spool.port import ENTRY_OVERHEAD_BYTES


@pytest.fixture(params=["memory", "sqlite"])
def make(request, tmp_path):
    made = []

    def build(quota_bytes=1_000_000):
        spool = (
            MemorySpool(quota_bytes)
            if request.param == "memory"
            else SqliteSpool(tmp_path / "s", quota_bytes)
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


def test_the_oldest_go_first_and_are_counted_until_reported(make):
    spool = make(quota_bytes=10 * (100 + ENTRY_OVERHEAD_BYTES))
    ids = [spool.put("telemetry", b"x" * 100, float(n)) for n in range(14)]
    assert [e.id for e in spool.after(0, 100)] == ids[4:]
    lost = spool.dropped()
    assert (lost.count, lost.size_bytes, lost.oldest_s, lost.newest_s) == (4, 400, 0.0, 3.0)
    spool.forget_dropped()
    assert spool.dropped().count == 0


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
        self.sqlite = SqliteSpool(self.path, 900)

    @rule(size=st.integers(0, 300), put_s=st.floats(0, 1e9))
    def put(self, size, put_s):
        assert self.memory.put("events", b"x" * size, put_s) == self.sqlite.put(
            "events", b"x" * size, put_s
        )

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
        self.sqlite = SqliteSpool(self.path, 900)

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
