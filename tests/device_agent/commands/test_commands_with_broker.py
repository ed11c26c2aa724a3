"""Commands and hanging sensors, with a real broker and an agent in a process of its own."""

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from device_agent.wire import Command, decode_event, decode_result, encode_command

pytestmark = [pytest.mark.broker, pytest.mark.slow]

LEAVES_WITHIN_S = 5.0


def configure(agent, text):
    agent.config.write_text(agent.config.read_text() + text)


def send(listener, name, command_id, expires_in_s=60, **args):
    command = Command(command_id, name, args, time.time() + expires_in_s)
    listener.publish("devices/dev-1/commands", encode_command(command))


def results(listener):
    return [decode_result(payload) for payload in listener.leaf("results")]


def test_a_command_runs_once_across_kill_minus_9_and_a_reboot_is_answered_first(
    agent, listener, waiting, tmp_path
):
    restarted, rebooted = tmp_path / "restarted", tmp_path / "rebooted"
    configure(
        agent,
        f'[commands]\nallow = ["restart", "reboot"]\nreboot = ["sh", "-c", "echo x >> {rebooted}"]\n'
        f'[[commands.restart]]\nname = "modem"\nrun = ["sh", "-c", "echo x >> {restarted}; echo up"]\n',
    )
    agent.start()
    waiting(lambda: listener.leaf("state"), what="birth")
    for _ in range(3):
        send(listener, "restart", "c1", service="modem")
    waiting(lambda: len(results(listener)) >= 3, what="three answers")
    agent.kill()
    agent.start()
    waiting(lambda: len(listener.leaf("state")) >= 3, what="birth after death")
    before = len(results(listener))
    send(listener, "restart", "c1", service="modem")
    send(listener, "reboot", "c2")
    send(listener, "read_now", "c3")
    waiting(lambda: len(results(listener)) >= before + 2, what="answers after the restart")
    waiting(rebooted.exists, what="the reboot")
    answers = {(r.id, r.status) for r in results(listener)}
    assert {("c1", "done"), ("c2", "done")} <= answers
    waiting(lambda: ("c3", "refused") in {(r.id, r.status) for r in results(listener)}, what="c3")
    assert {r.output["said"] for r in results(listener) if r.id == "c1"} == {"up"}
    assert restarted.read_text() == "x\n"
    assert rebooted.read_text() == "x\n"


def test_sensors_that_hang_delay_neither_the_others_nor_the_end(agent, listener, waiting, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    configure(
        agent,
        '[[sensors.exec]]\nname = "hanging/program"\nrun = ["sleep", "1000"]\ntimeout_s = 0.5\nperiod_s = 0.1\n'
        f'[[sensors.file]]\nname = "hanging/file"\npath = "{tmp_path / "pipe"}"\nperiod_s = 0.1\n'
        '[[sensors.exec]]\nname = "long/program"\nrun = ["sleep", "999.125"]\ntimeout_s = 300\n',
    )
    agent.start()
    begun = time.time()

    def told():
        events = [decode_event(payload) for payload in listener.leaf("events")]
        return [e.detail["sensor"] for e in events if e.kind == "sensor_stale"]

    waiting(lambda: {"hanging/program", "hanging/file"} <= set(told()), what="both told stale")
    send(listener, "set_sampling", "c1", period_s=0.1, source="tank/level")
    waiting(lambda: results(listener), what="an answer")
    assert sorted(told()) == ["hanging/file", "hanging/program"]
    levels = [t for pack in listener.packs() for n, t in zip(pack.names, pack.times_s, strict=True) if n == "tank/level"]  # fmt: skip
    gaps = [later - sooner for sooner, later in pairwise(levels)]
    assert len(levels) > 20
    assert max(gaps) < (time.time() - begun) / 2
    status, took_s = agent.terminate()
    assert status == 0
    assert took_s < LEAVES_WITHIN_S
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert b"sleep\x00999.125\x00" not in running
