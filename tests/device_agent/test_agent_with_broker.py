"""The agent as its user starts it, against a real broker, with either killed at any moment."""

import time

import pytest

from device_agent.spool import SqliteSpool, read_depth
from device_agent.wire import (
    Command,
    Pack,
    decode_event,
    decode_pack,
    decode_result,
    decode_state,
    encode_command,
    encode_pack,
)

pytestmark = [pytest.mark.broker, pytest.mark.slow]

LEAVES_WITHIN_S = 5.0


def spooled(agent):
    """What the spool of a dead agent holds, as (boot, seq)."""
    spool = SqliteSpool(agent.spool, 10**9)
    try:
        entries = [entry for entry in spool.after(0, 10**6) if entry.leaf == "telemetry"]
    finally:
        spool.close()
    packs = [decode_pack(e.payload, device_id="dev-1", received_s=0.0) for e in entries]
    return {(pack.boot, pack.seq) for pack in packs}


def expect_nothing_missing(identities):
    """Each boot's packs are counted from 0 without a gap."""
    for boot in {boot for boot, _ in identities}:
        numbers = sorted(seq for b, seq in identities if b == boot)
        assert numbers == list(range(len(numbers))), boot


def test_birth_readings_commands_and_a_clean_farewell(agent, listener, waiting):
    agent.start()
    birth = decode_state(waiting(lambda: listener.leaf("state"), what="birth")[0])
    assert (birth.status, birth.reason, birth.model) == ("online", "birth", "bench")
    assert [(s.name, s.unit) for s in birth.sensors] == [("tank/level", "m")]

    agent.sensor.write_text("7.25")
    waiting(lambda: [p for p in listener.packs() if 7.25 in p.values], what="the new value")

    for payload in (
        encode_command(Command("c1", "set_sampling", {"period_s": 0.5}, time.time() + 60)),
        encode_command(Command("c2", "reboot", {}, time.time() + 60)),
        encode_command(Command("c3", "diagnostics", {}, time.time() - 1)),
        b"\xff nonsense",
        encode_command(Command("c4", "read_now", {}, time.time() + 60)),
        encode_command(Command("c4", "read_now", {}, time.time() + 60)),
    ):
        listener.publish("devices/dev-1/commands", payload)
    waiting(lambda: len(listener.leaf("results")) == 5, what="five results")
    results = [decode_result(payload) for payload in listener.leaf("results")]
    assert [(r.id, r.status) for r in results] == [
        ("c1", "done"), ("c2", "refused"), ("c3", "expired"), ("c4", "done"), ("c4", "done"),
    ]  # fmt: skip
    assert results[3].output == {"tank/level": 7.25}

    status, took_s = agent.terminate()
    assert status == 0
    assert took_s < LEAVES_WITHIN_S
    farewell = decode_state(waiting(lambda: listener.leaf("state")[1:], what="farewell")[0])
    assert (farewell.status, farewell.reason, farewell.boot) == ("offline", "shutdown", birth.boot)
    assert read_depth(agent.spool)[0].count == 0
    expect_nothing_missing(listener.identities())


def test_kill_9_of_the_broker_loses_nothing_that_was_not_acknowledged(
    agent, broker, listener, waiting
):
    agent.start()
    waiting(lambda: len(listener.packs()) > 5, what="first packs")
    broker.kill()
    waiting(lambda: "link down" in agent.log, what="the agent's notice")
    waiting(lambda: read_depth(agent.spool)[0].count >= 10, what="a growing spool")
    # The listener must be there before the agent is, or the broker would forward to nobody.
    subscriptions = listener.ready
    agent.process.send_signal(19)
    broker.start()
    waiting(lambda: listener.ready > subscriptions, what="the listener's return")
    agent.process.send_signal(18)
    waiting(lambda: "link up after_s" in agent.log, what="the link's return", timeout_s=90)
    waiting(lambda: read_depth(agent.spool)[0].count <= 2, what="an empty spool")
    status, _ = agent.terminate()
    assert status == 0
    waiting(lambda: listener.leaf("events"), what="the link fault's event")
    assert decode_event(listener.leaf("events")[0]).kind == "link_fault"
    assert agent.log.count("link down") == 1
    expect_nothing_missing(listener.identities() | spooled(agent))
    times = [t for p in listener.packs() for t in p.times_s]
    gaps = [b - a for a, b in zip(sorted(set(times)), sorted(set(times))[1:], strict=False)]
    assert max(gaps) < 20, "sensing went on during the outage"


def test_kill_9_of_the_agent_is_told_by_the_will_and_the_spool_goes_on(agent, listener, waiting):
    agent.start()
    waiting(lambda: len(listener.packs()) > 5, what="first packs")
    agent.kill()
    will = waiting(
        lambda: [s for s in map(decode_state, listener.leaf("state")) if s.reason == "will"],
        what="will",
    )
    assert will[0].status == "offline"
    waiting_in_spool = spooled(agent)
    known = listener.identities()
    agent.start()
    waiting(lambda: len({boot for boot, _ in listener.identities()}) == 2, what="the second boot")
    waiting(lambda: waiting_in_spool <= listener.identities(), what="what the first run left")
    agent.terminate()
    assert known <= listener.identities()
    expect_nothing_missing(listener.identities() | spooled(agent))


def test_without_a_broker_it_leaves_in_time_and_keeps_everything(agent, broker, waiting):
    broker.kill()
    agent.start()
    waiting(lambda: agent.spool.exists() and "link down" in agent.log, what="the first attempt")
    waiting(lambda: read_depth(agent.spool)[0].count >= 5, what="spooled packs")
    status, took_s = agent.terminate()
    assert status == 0
    assert took_s < LEAVES_WITHIN_S
    left = spooled(agent)
    assert len(left) >= 5
    expect_nothing_missing(left)


def test_a_sensor_that_fails_is_told_once_and_once_when_it_is_back(agent, listener, waiting):
    agent.start()
    waiting(listener.packs, what="first pack")
    agent.sensor.unlink()
    waiting(lambda: listener.leaf("events"), what="stale")
    time.sleep(0.5)
    agent.sensor.write_text("3")
    waiting(lambda: len(listener.leaf("events")) >= 2, what="back")
    kinds = [decode_event(payload).kind for payload in listener.leaf("events")]
    assert kinds == ["sensor_stale", "sensor_back"]
    agent.terminate()


def test_kill_9_of_the_agent_while_it_empties_a_long_spool_loses_nothing(agent, listener, waiting):
    count = 1000
    spool = SqliteSpool(agent.spool, 10**9)
    for seq in range(count):
        pack = Pack("before", seq, ["tank/level"], [1.7e9 + seq], [float(seq)], ["m"], [])
        spool.put("telemetry", encode_pack(pack, device_id="dev-1", form="json"), 1.7e9)
    spool.close()
    agent.start()
    waiting(lambda: len(listener.packs()) > 200, what="the spool being emptied")
    agent.kill()
    left = len(spooled(agent))
    assert 0 < left < count
    agent.start()
    everything = {("before", seq) for seq in range(count)}
    waiting(lambda: everything <= listener.identities(), what="all packs", timeout_s=60)
    waiting(lambda: read_depth(agent.spool)[0].count <= 2, what="an empty spool")
    agent.terminate()
    values = {v for p in listener.packs() if p.boot == "before" for v in p.values}
    assert values == {float(seq) for seq in range(count)}
