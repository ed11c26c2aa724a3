"""Both ends of the link with a line between them that loses, damages, delays: what must come through does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import CommandRefused, SettingsError
from firmware_bridge.link.bodies import NO_LIMIT, Metric
from firmware_bridge.link.host import HostLink
from firmware_bridge.link.mcu import Firmware, SimulatedMcu
from firmware_bridge.link.settings import LinkSettings
from firmware_bridge.link.states import TABLE, TIMERS, State, Trigger
from firmware_bridge.messages.events import (
    Announced,
    CommandEnded,
    Event,
    LinkDown,
    LinkUp,
    McuEvent,
    McuReset,
    Outcome,
)
from firmware_bridge.messages.readings import Readings

T0 = 1.7e9
METRICS = (
    Metric(0, 0, 1, -2, 1000, -1000, 8000, "Cel", "temperature"),
    Metric(1, 2, 1, 0, 0, NO_LIMIT, NO_LIMIT, "", "door_open"),
)


class Line:
    """Both ends, and time. ``spoil`` may change what the chip sends, ``spoil_down`` what it is sent."""

    def __init__(self, firmware: Firmware, settings: LinkSettings | None = None) -> None:
        self.host = HostLink(settings)
        self.firmware = firmware
        self.mcu = SimulatedMcu(firmware)
        self.ms = 0
        self.booted_ms = 0
        self.hung = False
        self.events: list[Event] = []
        self.spoil: Callable[[bytes], bytes] = lambda data: data
        self.spoil_down: Callable[[bytes], bytes] = lambda data: data

    @property
    def now_s(self) -> float:
        return T0 + self.ms / 1000

    @property
    def mcu_ms(self) -> int:
        return self.ms - self.booted_ms

    def run(self, ms: int, step: int = 20, *, sampling: bool = True) -> None:
        for _ in range(ms // step):
            self.ms += step
            if not self.hung:
                self.mcu.tick(self.mcu_ms)
                if sampling and self.mcu_ms % 1000 == 0:
                    self.mcu.sample(0, self.mcu_ms, 2000 + self.mcu_ms // 1000)
            self.events += self.host.receive(self.spoil(self.mcu.take()), self.now_s)
            self.events += self.host.tick(self.now_s)
            while out := self.host.take_outgoing(self.now_s):
                if not self.hung:
                    self.mcu.receive(self.spoil_down(out), self.mcu_ms)

    def reset(self, reason: int) -> None:
        self.mcu = SimulatedMcu(replace(self.firmware, reset=reason))
        self.booted_ms = self.ms

    def of(self, kind: type) -> list:
        return [e for e in self.events if isinstance(e, kind)]


def counting_firmware(**more) -> tuple[Firmware, list[int]]:
    ran: list[int] = []

    def relay(arguments):
        ran.append(arguments[0])
        return 0, arguments[0]

    return Firmware(METRICS, {"relay": relay}, **more), ran


@pytest.fixture
def line() -> Line:
    return Line(counting_firmware()[0])


def test_table_answers_everything_that_can_happen() -> None:
    timers = {trigger for row in TIMERS.values() for trigger in row}
    for state, trigger in product(State, Trigger):
        expected = trigger in TIMERS[state] if trigger in timers else True
        assert ((state, trigger) in TABLE) == expected


def test_from_reset_to_readings(line: Line) -> None:
    line.run(5000)
    assert [type(e) for e in line.events[:3]] == [McuReset, LinkUp, Announced]
    assert line.events[0] == McuReset(line.events[0].time_s, "power-on", None)
    info = line.of(Announced)[0].metrics[0]
    assert (info.name, info.unit, info.low, info.high, info.period_s) == (
        "temperature", "Cel", -10.0, 80.0, 1.0,
    )  # fmt: skip
    readings = [r for e in line.of(Readings) for r in e]
    assert [r.value for r in readings] == [(2001 + n) / 100 for n in range(len(readings))]
    for reading in readings:
        assert reading.time_s == pytest.approx(T0 + reading.mcu_ms / 1000, abs=0.05)
    assert line.host.tally.trouble == 0


def test_lost_and_damaged_frames_are_counted_and_the_rest_comes(line: Line) -> None:
    line.run(2000)
    random = Random(3)

    def spoil(data: bytes) -> bytes:
        if data and random.random() < 0.3:
            damaged = bytearray(data)
            damaged[random.randrange(len(data) - 1)] ^= random.randrange(1, 255)
            return bytes(damaged)
        return data

    line.spoil = spoil
    line.run(60_000)
    line.spoil = lambda data: data
    line.run(5000)
    tally = line.host.tally
    assert tally.bad > 3
    assert 3 < tally.lost <= 40
    assert line.of(Readings)[-1].values[-1] == pytest.approx(
        20 + line.mcu_ms // 1000 / 100, abs=0.03
    )


@given(st.integers(0, 2**32))
def test_command_runs_once_however_bad_the_line(seed: int) -> None:
    firmware, ran = counting_firmware()
    line = Line(firmware)
    line.run(2000)
    random = Random(seed)
    line.spoil = line.spoil_down = lambda data: b"" if random.random() < 0.5 else data
    for number in range(5):
        line.host.command(f"k{number}", "relay", [number])
        line.run(3000)
    line.spoil = line.spoil_down = lambda data: data
    line.run(20_000)
    ended = {e.key: e for e in line.of(CommandEnded)}
    assert len(ended) == len(line.of(CommandEnded)) == 5
    assert len(ran) == len(set(ran))
    for key, end in ended.items():
        if end.outcome is Outcome.DONE:
            assert int(key[1:]) in ran
            assert end.value == int(key[1:])
        else:
            assert end.outcome in {Outcome.NO_ANSWER, Outcome.REFUSED}


def test_refusals_say_why() -> None:
    answers = {"busy": (3, 50), "no": (4, -5), "bad": (2, 0)}
    commands = {name: (lambda _, a=answer: a) for name, answer in answers.items()}
    line = Line(Firmware(METRICS, commands))
    line.run(2000)
    for name in ("busy", "no", "bad", "absent"):
        line.host.command(name, name, [])
    line.run(20_000)
    ended = {e.key: (e.outcome, e.text) for e in line.of(CommandEnded)}
    assert ended == {
        "busy": (Outcome.REFUSED, "busy"),
        "no": (Outcome.FAILED, "failed"),
        "bad": (Outcome.REFUSED, "arguments refused"),
        "absent": (Outcome.REFUSED, "no such command"),
    }


def test_busy_is_asked_again_under_another_number() -> None:
    answers = iter([(3, 100), (3, 100), (0, 9)])
    line = Line(Firmware(METRICS, {"relay": lambda _: next(answers)}))
    line.run(2000)
    line.host.command("k", "relay", [1])
    line.run(2000)
    assert [(e.outcome, e.value) for e in line.of(CommandEnded)] == [(Outcome.DONE, 9)]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("Relay", []), ("r" * 13, []), ("relay", [1] * 5), ("relay", [2**31]), ("relay", ["on"])],
)
def test_impossible_commands_are_refused_at_once(line: Line, name: str, arguments: list) -> None:
    line.run(2000)
    with pytest.raises(CommandRefused):
        line.host.command("k", name, arguments)


def test_command_longer_than_the_chip_can_receive() -> None:
    line = Line(counting_firmware(rx_max=24)[0])
    line.run(2000)
    line.host.command("k", "relay", [1])
    with pytest.raises(CommandRefused, match="24 bytes"):
        line.host.command("k", "relay", [1, 2, 3, 4])


def test_reset_loses_the_command_and_says_so(line: Line) -> None:
    line.run(60_000)
    line.spoil_down = lambda data: b"" if b"relay" in data else data
    line.host.command("k", "relay", [1])
    line.run(200)
    line.reset(4)
    line.spoil_down = lambda data: data
    line.run(3000)
    assert [(e.key, e.outcome) for e in line.of(CommandEnded)] == [("k", Outcome.LOST_IN_RESET)]
    resets = line.of(McuReset)
    assert [r.reason for r in resets] == ["power-on", "watchdog"]
    assert resets[1].ran_s == pytest.approx(60, abs=6)
    assert len(line.of(LinkUp)) == 2
    assert line.of(Readings)[-1].mcu_ms[-1] < 4000


def test_reset_in_the_middle_of_a_frame(line: Line) -> None:
    line.run(5000)
    line.mcu.sample(0, line.mcu_ms, 1)
    line.mcu.flush(line.mcu_ms)
    half = line.mcu.take()
    assert len(half) > 6
    line.events += line.host.receive(half[:6], line.now_s)
    line.reset(3)
    line.run(5000)
    assert [r.reason for r in line.of(McuReset)] == ["power-on", "brown-out"]
    assert line.host.tally.bad == 1
    assert line.host.state is State.RUNNING


def test_repeated_hello_is_one_reset(line: Line) -> None:
    dropped = []

    def lose_welcomes(data: bytes) -> bytes:
        dropped.append(data)
        return b"" if len(dropped) < 5 else data

    line.spoil_down = lose_welcomes
    line.run(10_000)
    assert len(line.of(McuReset)) == 1
    assert len(line.of(LinkUp)) == 1


def test_hung_chip_is_missed_and_found_again(line: Line) -> None:
    line.run(5000)
    line.hung = True
    line.run(20_000)
    assert [e.reason for e in line.of(LinkDown)] == ["nothing understandable arrives"]
    with pytest.raises(CommandRefused, match="down"):
        line.host.command("k", "relay", [1])
    line.hung = False
    line.run(5000)
    assert line.host.state is State.RUNNING
    assert len(line.of(McuReset)) == 1


def test_silent_host_is_noticed_by_the_chip(line: Line) -> None:
    line.run(5000)
    line.spoil_down = lambda data: b""
    line.run(32_000)
    assert line.mcu.listening
    line.spoil_down = lambda data: data
    line.run(4000)
    assert not line.mcu.listening
    assert len(line.of(McuReset)) == 1
    assert line.host.mcu_dropped > 0


def test_new_host_finds_a_running_chip(line: Line) -> None:
    line.run(50_000)
    line.host = HostLink()
    line.events.clear()
    line.run(4000)
    assert line.of(LinkUp)
    assert line.of(McuReset) == []
    assert line.of(Readings)[-1].times_s[-1] == pytest.approx(line.now_s, abs=2.1)


def test_known_table_is_not_sent_again(line: Line) -> None:
    line.run(5000)
    before = line.host.tally.received_bytes
    line.reset(5)
    line.run(400, sampling=False)
    assert line.host.state is State.RUNNING
    assert line.host.tally.received_bytes - before < 70
    line.run(3000)
    assert line.of(Readings)[-1].names == ["temperature"]


def test_missing_rows_are_asked_for(line: Line) -> None:
    lost = []

    def lose_tables(data: bytes) -> bytes:
        if not lost and b"door" in data:
            lost.append(data)
            return data[: data.find(b"door")]
        return data

    line.spoil = lose_tables
    line.run(5000)
    assert lost
    assert [m.name for m in line.of(Announced)[0].metrics] == ["temperature", "door_open"]


def test_event_comes_once_though_its_acknowledgement_is_lost(line: Line) -> None:
    line.run(2000)
    lost = []
    line.spoil_down = lambda data: lost.append(data) or b"" if len(lost) < 3 else data
    line.mcu.event(3, line.mcu_ms, 217, "adc.c")
    line.mcu.event(4, line.mcu_ms, 0)
    line.run(10_000)
    events = line.of(McuEvent)
    assert [(e.kind, e.value, e.text) for e in events] == [
        ("assert", 217, "adc.c"),
        ("sensor_fault", 0, "temperature"),
    ]
    assert events[0].time_s == pytest.approx(T0 + 2, abs=0.1)


def test_one_version_in_common_or_none() -> None:
    line = Line(counting_firmware(versions=(1, 7))[0])
    line.run(2000)
    assert line.of(LinkUp)[0].version == 1
    line = Line(counting_firmware(versions=(2, 7))[0])
    line.run(2000)
    assert "versions 2 to 7" in line.of(LinkDown)[0].reason


def test_pause_that_a_slow_chip_needs_is_kept() -> None:
    line = Line(counting_firmware(rx_gap_ms=200)[0])
    sent: list[float] = []
    line.spoil_down = lambda data: sent.append(line.now_s) or data
    line.run(4000)
    for number in range(4):
        line.host.command(str(number), "relay", [number])
    line.run(6000)
    assert len(line.of(CommandEnded)) == 4
    after = [t for t in sent if t > T0 + 1]
    assert min(b - a for a, b in pairwise(after)) >= 0.199


def test_one_way_chip_is_only_listened_to() -> None:
    from firmware_bridge.link import bodies  # noqa: PLC0415
    from firmware_bridge.link.wire import FrameWriter, Type  # noqa: PLC0415

    def hello(clock: int) -> bytes:
        flags = bodies.HelloFlag.FRESH | bodies.HelloFlag.ONE_WAY
        table_crc = 0
        return bodies.encode_hello(
            bodies.Hello(1, 1, flags, 1, 0, 24, 0, clock, table_crc, "sender", "2")
        )

    host, writer = HostLink(), FrameWriter()
    events = host.receive(writer.frame(Type.HELLO, hello(5)), T0)
    assert [type(e) for e in events] == [McuReset, LinkUp]
    for minute in range(1, 5):
        events = host.receive(
            writer.frame(Type.HELLO, hello(5 + minute * 60_000)), T0 + minute * 60
        )
        assert events == []
        assert host.tick(T0 + minute * 60 + 20) == []
    assert host.take_outgoing(T0 + 300) == b""
    with pytest.raises(CommandRefused):
        host.command("k", "relay", [])
    assert [r.ran_s for r in host.receive(writer.frame(Type.HELLO, hello(7)), T0 + 300)] == [
        240.005
    ]


def test_clock_of_the_host_set_back_does_not_stall_it(line: Line) -> None:
    line.run(5000)
    line.ms -= 3_600_000
    line.booted_ms -= 3_600_000
    line.run(10_000)
    assert line.host.state is State.RUNNING
    assert line.of(Readings)[-1].times_s[-1] == pytest.approx(line.now_s, abs=2.1)


def test_wake_is_never_in_the_far_past_for_long(line: Line) -> None:
    """The owner sleeps until ``wake_s``: after a tick and taking what is to send, it must lie ahead."""
    for _ in range(300):
        line.run(20)
        assert line.host.wake_s > line.now_s - 0.021
        assert line.host.wake_s < math.inf


def test_settings_refuse_nonsense() -> None:
    with pytest.raises(SettingsError, match="silence_s"):
        LinkSettings(silence_s=1)
    with pytest.raises(SettingsError, match="answer_s"):
        LinkSettings(answer_s=0)
