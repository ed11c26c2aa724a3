"""The agent's own loop, in process, without a broker."""

import socket
import threading
import time
from random import Random

import pytest

from device_agent.agent import Agent
from device_agent.config import parse_settings
from device_agent.sensors.port import SensorDescription, Source
from device_agent.spool import SqliteSpool
from device_agent.wire import decode_event, decode_pack

HANG_S = 20.0


@pytest.fixture
def closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class Running:
    """An agent on a thread, whose wall clock the test sets."""

    def __init__(self, folder, port):
        self.now_s = 1.7e9
        self.folder = folder
        self.reads = 0
        self.fails = False
        settings = parse_settings(
            f'device_id="d"\n[broker]\nhost="127.0.0.1"\nport={port}\n'
            f'[spool]\ndirectory="{folder}"\n[packs]\nmax_age_s=0\noffline_age_s=0\n'
        )
        one = SensorDescription("a/v", "V", "voltage", None, lambda v: v)
        self.agent = Agent(
            settings,
            [Source("a", 0.02, self.read, (one,))],
            password="",
            boot="b1",
            now=lambda: self.now_s,
            monotonic=time.monotonic,
            rng=Random(1),
        )
        self.result = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def read(self):
        self.reads += 1
        if self.fails:
            raise OSError("gone")
        return 1.5

    def run(self):
        self.result = self.agent.run()

    def stop(self):
        self.agent.stop()
        self.thread.join(HANG_S)
        assert not self.thread.is_alive()

    def entries(self):
        spool = SqliteSpool(self.folder, 10**9)
        try:
            return spool.after(0, 10**6)
        finally:
            spool.close()


def wait_until(condition):
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline, "hung"
        time.sleep(0.005)


def test_it_senses_without_a_broker_and_keeps_all_until_the_next_run(tmp_path, closed_port):
    running = Running(tmp_path, closed_port)
    wait_until(lambda: running.reads >= 5)
    running.stop()
    assert running.result is True
    packs = [
        decode_pack(e.payload, device_id="d", received_s=0)
        for e in running.entries()
        if e.leaf == "telemetry"
    ]
    assert [pack.seq for pack in packs] == list(range(len(packs)))
    assert sum(len(pack) for pack in packs) == running.reads
    again = Running(tmp_path, closed_port)
    wait_until(lambda: again.reads >= 1)
    again.stop()
    assert len([e for e in again.entries() if e.leaf == "telemetry"]) > len(packs)


def test_nothing_is_read_before_the_clock_is_set(tmp_path, closed_port, monkeypatch, caplog):
    monkeypatch.setattr("device_agent.agent._LONGEST_WAIT_S", 0.02)
    running = Running(tmp_path, closed_port)
    running.now_s = 1000.0
    time.sleep(0.1)
    seen = running.reads
    time.sleep(0.2)
    assert running.reads == seen
    running.now_s = 1.7e9 + 100
    wait_until(lambda: running.reads > seen)
    running.stop()
    told = [r.getMessage() for r in caplog.records if "clock" in r.getMessage()]
    assert told == ["clock is not set: nothing is read", "clock is set"]


def test_a_sensor_that_fails_becomes_an_event_in_the_spool(tmp_path, closed_port):
    running = Running(tmp_path, closed_port)
    wait_until(lambda: running.reads >= 1)
    running.fails = True
    wait_until(lambda: running.agent._sampler.stale_names)
    running.stop()
    kinds = [decode_event(e.payload).kind for e in running.entries() if e.leaf == "events"]
    assert kinds == ["sensor_stale"]
