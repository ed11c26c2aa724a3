"""The uplink with links that do exactly what a test says: nothing leaves the spool unacknowledged."""

import itertools
import threading
import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agent.backoff import Backoff
from device_agent.errors import SpoolError
from device_agent.link import Acked, Arrived, Connected, Lost
from device_agent.spool import MemorySpool
from device_agent.uplink import Uplink
from device_agent.uplink_lanes import Lanes

HANG_S = 20.0


class Owner:
    def __init__(self):
        self.connected = []

    def state(self, status, reason):
        return f"{status}/{reason}".encode()

    def on_connected(self, *, lost_at_s, reason, attempts):
        self.connected.append((lost_at_s is not None, reason, attempts))


class ScriptedLink:
    """Acknowledges as its plan says, then breaks; the broker's memory is shared by all links."""

    def __init__(self, will, notify, *, broker, plan):
        self.will = will
        self.notify = notify
        self.broker = broker
        self.plan = plan
        self.mids = itertools.count(1)
        self.is_broken = False

    def open(self):
        if self.plan == "unreachable":
            raise ConnectionRefusedError("no")
        self.notify(
            self, Lost("refused: Not authorized") if self.plan == "refused" else Connected()
        )

    def listen_for_commands(self):
        self.notify(self, Arrived(b"do"))

    def publish(self, leaf, payload, *, retain=False):
        mid = next(self.mids)
        if self.is_broken:
            return mid
        if leaf == "state":
            self.broker.states.append(payload)
            self.notify(self, Acked(mid))
            return mid
        verdict = next(self.plan, "ack")
        if verdict in {"ack", "store"}:
            self.broker.stored.append(payload)
        if verdict == "ack":
            self.broker.acked.append(payload)
            self.notify(self, Acked(mid))
        if verdict == "break":
            self.is_broken = True
            self.notify(self, Lost("broken"))
        return mid

    def close(self):
        self.is_broken = True


class Broker:
    def __init__(self, plans):
        self.plans = iter(plans)
        self.stored, self.acked, self.states, self.links = [], [], [], []

    def make_link(self, will, notify):
        plan = next(self.plans, [])
        link = ScriptedLink(
            will, notify, broker=self, plan=plan if isinstance(plan, str) else iter(plan)
        )
        self.links.append(link)
        return link


def uplink_of(spool, broker, owner, **more):
    return Uplink(
        spool,
        owner,
        on_command=more.pop("on_command", lambda _: None),
        on_failed=more.pop("on_failed", lambda: None),
        make_link=broker.make_link,
        max_inflight=4,
        lanes=Lanes(spool, backlog_per_s=10_000, in_order_within_s=900, monotonic=time.monotonic),
        slow_backoff=Backoff(first_s=0.001, cap_s=0.002, rng=Random(2)),
        backoff=Backoff(first_s=0.001, cap_s=0.002, rng=Random(1)),
        now=time.time,
        monotonic=time.monotonic,
        ack_timeout_s=more.pop("ack_timeout_s", HANG_S),
    )


def wait_until(condition):
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline, "hung"
        time.sleep(0.002)


verdicts = st.lists(st.sampled_from(["ack", "store", "forget"]), max_size=6)
plans = st.lists(
    st.sampled_from(["unreachable", "refused"]) | verdicts.map(lambda v: [*v, "break"]), max_size=5
)


@settings(max_examples=60, deadline=None)
@given(plans, st.integers(0, 12), st.integers(0, 6))
def test_whatever_the_links_do_everything_arrives_and_leaves_only_when_acknowledged(
    script, before, later
):
    spool, broker = MemorySpool(10**9), Broker(script)
    wanted = [str(n).encode() for n in range(before + later)]
    for payload in wanted[:before]:
        spool.put("telemetry", payload, 1.0)
    owner = Owner()
    uplink = uplink_of(spool, broker, owner, ack_timeout_s=0.02)
    uplink.start()
    for payload in wanted[before:]:
        spool.put("telemetry", payload, 1.0)
        uplink.wake()
    wait_until(lambda: spool.depth().count == 0 and owner.connected)
    uplink.stop(1.0)
    assert set(broker.stored) == set(wanted)
    assert sorted(set(broker.acked)) == sorted(wanted)
    assert broker.states[-1] == b"offline/shutdown"
    assert all(link.will == b"offline/will" for link in broker.links)


def test_what_was_stored_but_not_acknowledged_is_sent_again_in_order():
    spool, broker, owner = MemorySpool(10**9), Broker([["store", "store", "break"]]), Owner()
    for n in range(5):
        spool.put("telemetry", str(n).encode(), 1.0)
    uplink = uplink_of(spool, broker, owner)
    uplink.start()
    wait_until(lambda: spool.depth().count == 0)
    uplink.stop(1.0)
    assert broker.stored == [b"0", b"1", b"0", b"1", b"2", b"3", b"4"]


def test_no_more_than_the_allowed_number_is_on_its_way():
    spool, broker, owner = MemorySpool(10**9), Broker([["forget"] * 100]), Owner()
    for n in range(20):
        spool.put("telemetry", str(n).encode(), 1.0)
    uplink = uplink_of(spool, broker, owner)
    uplink.start()
    wait_until(lambda: broker.links and next(broker.links[0].mids) >= 6)
    time.sleep(0.05)
    assert len(uplink._unacked) == 4
    uplink.stop(0.1)
    assert spool.depth().count == 20


def test_an_outage_is_told_once_with_its_last_reason(capfd, caplog):
    spool, broker, owner = (
        MemorySpool(10**9),
        Broker(["unreachable", "unreachable", "refused"]),
        Owner(),
    )
    uplink = uplink_of(spool, broker, owner)
    uplink.start()
    wait_until(lambda: owner.connected)
    uplink.stop(1.0)
    assert owner.connected == [(True, "refused: Not authorized", 4)]
    assert [r.getMessage() for r in caplog.records if "link down" in r.getMessage()] == [
        'link down reason="ConnectionRefusedError: no"'
    ]


def test_a_command_reaches_its_taker():
    taken = threading.Event()
    uplink = uplink_of(MemorySpool(10**6), Broker([]), Owner(), on_command=lambda _: taken.set())
    uplink.start()
    assert taken.wait(HANG_S)
    uplink.stop(1.0)


class DyingSpool(MemorySpool):
    def after(self, entry_id, limit, lane="all"):
        raise SpoolError("gone")


def test_a_spool_that_does_not_answer_is_no_reason_to_die():
    owner = Owner()
    uplink = uplink_of(DyingSpool(10**6), Broker([]), owner)
    uplink.start()
    wait_until(lambda: owner.connected)
    uplink.stop(0.2)
    assert not uplink.has_failed


def test_a_fault_of_ours_ends_the_agent_rather_than_only_the_thread():
    failed = threading.Event()

    class Faulty(Owner):
        def on_connected(self, **_):
            raise RuntimeError("a fault")

    uplink = uplink_of(MemorySpool(10**6), Broker([]), Faulty(), on_failed=failed.set)
    uplink.start()
    assert failed.wait(HANG_S)
    assert uplink.has_failed


@pytest.mark.parametrize("plan", ["unreachable", "refused"])
def test_it_can_be_stopped_while_there_is_no_link(plan):
    broker = Broker([plan] * 10_000)
    uplink = uplink_of(MemorySpool(10**6), broker, Owner())
    uplink.start()
    wait_until(lambda: len(broker.links) > 2)
    begun = time.monotonic()
    uplink.stop(1.0)
    assert time.monotonic() - begun < HANG_S
    assert broker.states == []
