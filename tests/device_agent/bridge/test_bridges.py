"""Lines of microcontrollers in the agent: readings, events told once, commands by allow-list."""

import threading
import time
from dataclasses import replace
from random import Random

import pytest

from device_agent.agent import Agent
from device_agent.bridge.bridges import Bridges
from device_agent.bridge.offer import bridge_offer
from device_agent.bridge.translation import Translation
from device_agent.commands.offer import ArgumentError
from device_agent.config import parse_settings
from device_agent.errors import CommandError
from device_agent.sampler import Taken
from device_agent.serial_settings import SerialSettings
from device_agent.spool import SqliteSpool
from device_agent.wire import decode_event, decode_pack
from firmware_bridge import (
    Announced,
    LinkUp,
    McuEvent,
    McuReset,
    MemoryLine,
    MetricInfo,
    PortClosed,
    PortOpened,
    Readings,
    Tally,
)
from firmware_bridge.link.bodies import Metric
from firmware_bridge.link.mcu import Firmware, SimulatedMcu

HANG_S = 20.0
T0 = 1.7e9
SETTINGS = SerialSettings(name="mcu", port="/dev/ttyX", commands=("relay", "burn", "absent"))


def until(condition, what="it"):
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


class Chip:
    """A simulated microcontroller with a relay, on a thread."""

    def __init__(self, line):
        self.line = line
        self.relay = []
        self.stopped = threading.Event()
        metrics = (Metric(0, 0, 1, -1, 100, 0, 900, "Cel", "temperature"),)
        self.mcu = SimulatedMcu(
            Firmware(metrics, {"relay": self.switch, "burn": lambda _: (4, -7)}, model="uno")
        )
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def switch(self, arguments):
        self.relay.append(list(arguments))
        return 0, arguments[0]

    def live(self):
        self.line.open()
        while not self.stopped.is_set():
            data = self.line.read(0.02)
            ms = int((time.monotonic() - self.began) * 1000)
            self.mcu.receive(data, ms)
            self.mcu.tick(ms)
            self.mcu.sample(0, ms, 215)
            self.mcu.flush(ms)
            self.line.write(self.mcu.take())

    def stop(self):
        self.stopped.set()
        self.thread.join(HANG_S)


@pytest.fixture
def chip():
    here, there = MemoryLine.pair()
    made = Chip(there)
    made.agent_end = here
    yield made
    made.stop()


@pytest.fixture
def agent(tmp_path, chip):
    """A whole agent with a microcontroller, and no broker."""
    settings = parse_settings(
        f'device_id="d"\n[broker]\nhost="127.0.0.1"\nport=9\n[spool]\ndirectory="{tmp_path}"\n'
        "[packs]\nmax_age_s=0\noffline_age_s=0\n"
        '[commands]\nallow=["bridge"]\n'
        '[[serial]]\nname="mcu"\nport="/dev/ttyX"\ncommands=["relay"]\n'
    )
    bridges = Bridges(settings.serial, open_port=lambda _: chip.agent_end, now=time.time)
    made = Agent(
        settings,
        [],
        password="",
        boot="b1",
        now=time.time,
        monotonic=time.monotonic,
        rng=Random(1),
        offers=[bridge_offer(bridges)],
        bridges=bridges,
    )
    thread = threading.Thread(target=made.run)
    thread.start()

    def leave():
        made.stop()
        thread.join(HANG_S)
        assert not thread.is_alive()

    made.folder, made.bridges, made.leave = tmp_path, bridges, leave
    yield made
    leave()


def entries(agent, leaf):
    spool = SqliteSpool(agent.folder, 10**9)
    try:
        return [e.payload for e in spool.after(0, 10**6) if e.leaf == leaf]
    finally:
        spool.close()


def test_readings_flow_into_the_spool_and_commands_reach_the_chip(agent, chip):
    until(lambda: agent.bridges.sensors, "the announcement")
    offer = bridge_offer(agent.bridges)
    answer = offer.run({"command": "relay", "arguments": "1"})
    assert answer == {"name": "mcu", "value": 1, "text": ""}
    assert chip.relay == [[1]]
    time.sleep(0.2)  # for some samples
    agent.leave()
    packs = [
        decode_pack(p, device_id="d", received_s=time.time()) for p in entries(agent, "telemetry")
    ]
    found = {
        n: (v, u)
        for pack in packs
        for n, v, u in zip(pack.names, pack.values, pack.units, strict=True)
    }
    assert found["mcu/temperature"] == (21.5, "Cel")
    assert found["mcu/line/faults"][0] == 0
    kinds = [decode_event(p).kind for p in entries(agent, "events")]
    assert "mcu_reset" in kinds
    assert "mcu_found" in kinds


@pytest.fixture
def bridges(chip):
    made = Bridges([SETTINGS], open_port=lambda _: chip.agent_end, now=time.time)
    made.start(lambda: None)
    stopped = threading.Event()

    def take():
        while not stopped.wait(0.01):
            made.take()

    thread = threading.Thread(target=take)
    thread.start()
    until(lambda: made.sensors, "the announcement")
    yield made
    stopped.set()
    thread.join(HANG_S)
    made.stop()


@pytest.mark.parametrize(
    ("args", "error", "said"),
    [
        ({"command": "melt"}, ArgumentError, "not among the commands"),
        ({"command": "relay", "name": "other"}, ArgumentError, "one of mcu"),
        ({"command": "absent"}, ArgumentError, "no such command"),
        ({"command": "relay", "arguments": "on"}, ArgumentError, "whole numbers"),
        ({"command": "burn"}, CommandError, "failed"),
    ],
)
def test_commands_that_may_not_or_can_not(bridges, chip, args, error, said):
    with pytest.raises(error, match=said):
        bridge_offer(bridges).run(args)
    assert chip.relay == []


def translated(events, settings=SETTINGS):
    taken = Taken()
    translation = Translation(settings, lambda _: None)
    for event in events:
        translation.add(event, T0, taken)
    return taken, translation


def test_events_of_the_chip_are_events_of_the_device():
    taken, translation = translated(
        [
            PortOpened(T0, "p", "/dev/ttyUSB0"),
            LinkUp(T0, "uno", "1.0", 1),
            Announced(T0, (MetricInfo("t", "Cel", "gauge", 1.0, None, None),)),
            McuReset(T0, "watchdog", 12.5),
            McuEvent(T0, "assert", 217, "adc.c"),
            McuEvent(T0, "user_64", 1, ""),
            PortClosed(T0, "p", "was unplugged"),
            PortOpened(T0, "p", "/dev/ttyUSB1"),
        ]
    )
    assert [(e.kind, e.detail) for e in taken.events] == [
        ("mcu_found", {"name": "mcu", "model": "uno", "firmware": "1.0"}),
        ("mcu_reset", {"name": "mcu", "reason": "watchdog", "ran_s": 12.5}),
        ("mcu_assert", {"name": "mcu", "event": "assert", "value": 217, "text": "adc.c"}),
        ("mcu_event", {"name": "mcu", "event": "user_64", "value": 1, "text": ""}),
        ("serial_lost", {"name": "mcu", "reason": "was unplugged"}),
        ("serial_back", {"name": "mcu", "device": "/dev/ttyUSB1"}),
    ]
    assert [(s.name, s.unit) for s in translation.sensors] == [("mcu/t", "Cel")]


def readings(name, value, time_s, failed=()):
    if value is None:
        return Readings([], [], [], [], None, list(failed))
    return Readings([name], [value], [""], [time_s])


def test_flood_of_events_is_counted_only():
    flood = [McuEvent(T0 + n / 100, "log", n, "again") for n in range(500)]
    taken, _ = translated([*flood, McuEvent(T0 + 61, "log", 1, "later")])
    assert len(taken.events) == 32
    assert (taken.events[30].kind, taken.events[30].detail["count"]) == ("mcu_events_dropped", 470)


def test_failed_sensor_is_told_once_and_once_when_it_is_back():
    taken, _ = translated([readings("t", None, T0, ["t"])] * 3 + [readings("t", 1.0, T0 + 9)])
    assert [(e.kind, e.detail.get("missed")) for e in taken.events] == [
        ("sensor_stale", None),
        ("sensor_back", 3),
    ]
    assert [r.value for r in taken.readings] == [1.0]


def test_texts_are_told_when_they_change():
    taken, _ = translated([readings("s", text, T0) for text in ("on", "on", "off", "off")])
    assert [r.value for r in taken.readings] == ["on", "off"]


def test_readings_can_be_thinned():
    events = [readings("t", float(n), T0 + n / 10) for n in range(31)]
    taken, _ = translated(events, replace(SETTINGS, every_s=1.0))
    assert [r.value for r in taken.readings] == [0.0, 10.0, 20.0, 30.0]


def test_nothing_is_dated_before_the_clock_was_set():
    taken, _ = translated([readings("t", 1.0, 100.0), McuReset(100.0, "power-on", None)])
    assert (taken.readings, taken.events) == ([], [])


def test_faults_of_the_line_are_a_metric():
    translation, taken = Translation(SETTINGS, lambda _: None), Taken()
    for now_s in (T0, T0 + 30, T0 + 61):
        translation.trouble(Tally(bad=2, lost=3, repeated=1), now_s, taken)
    assert [(r.name, r.value) for r in taken.readings] == [("mcu/line/faults", 6.0)] * 2
