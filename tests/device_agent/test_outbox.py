"""What the disk refuses is held, put later in order, and what is lost is counted and told."""

from device_agent.errors import SpoolError
from device_agent.outbox import Outbox
from device_agent.spool import MemorySpool
from device_agent.wire import decode_event


class FullDisk(MemorySpool):
    is_full = False

    def put(self, leaf, payload, put_s):
        if self.is_full:
            raise SpoolError("disk full")
        return super().put(leaf, payload, put_s)


def outbox_of(spool):
    return Outbox(spool, now=lambda: 1.7e9)


def payloads(spool):
    return [entry.payload for entry in spool.after(0, 10_000)]


def test_what_the_disk_refused_is_put_later_in_order():
    spool = FullDisk(10**9)
    outbox = outbox_of(spool)
    woken = []
    outbox.on_put = lambda: woken.append(1)
    outbox.post("telemetry", b"1")
    spool.is_full = True
    outbox.post("telemetry", b"2")
    outbox.post("telemetry", b"3")
    assert payloads(spool) == [b"1"]
    spool.is_full = False
    outbox.post("telemetry", b"4")
    kept = payloads(spool)
    assert [p for p in kept if len(p) == 1] == [b"1", b"2", b"3", b"4"]
    assert [decode_event(p).kind for p in kept if len(p) > 1] == ["spool_fault", "spool_back"]
    assert woken


def test_what_is_held_too_long_is_counted_and_told_once():
    spool = FullDisk(10**9)
    outbox = outbox_of(spool)
    spool.is_full = True
    for n in range(507):
        outbox.post("telemetry", str(n).encode())
    spool.is_full = False
    outbox.flush()
    outbox.flush()
    kept = payloads(spool)
    lost = 8  # one of them the event that the disk refuses
    assert kept[:-2] == [str(n).encode() for n in range(7, 507)]
    back, event = (decode_event(p) for p in kept[-2:])
    assert (back.kind, back.detail["lost"]) == ("spool_back", lost)
    assert (event.kind, event.detail["count"]) == ("spool_dropped", lost)


def test_what_the_quota_cost_is_reported_once():
    spool = MemorySpool(600)
    outbox = outbox_of(spool)
    for _ in range(6):
        outbox.post("telemetry", b"x" * 100)
    lost = spool.dropped().count
    assert lost > 0
    outbox.report_dropped()
    event = decode_event(payloads(spool)[-1])
    assert (event.kind, event.detail["count"]) == ("spool_dropped", lost)
    assert event.detail["size_bytes"] == lost * 100
    before = len(payloads(spool))
    outbox.report_dropped()
    assert len(payloads(spool)) == before
