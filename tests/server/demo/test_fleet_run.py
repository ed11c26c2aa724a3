"""The fleet's publishing: nothing missing, nothing twice, across restarts and silences."""

import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agent.wire import (
    Command,
    CommandResult,
    decode_pack,
    decode_result,
    decode_state,
    encode_command,
)
from server.demo.fleet.faults import Fault, FaultKind
from server.demo.fleet.machine import Machine
from server.demo.fleet.roster import FLEET, machines
from server.demo.fleet_run import FleetRun
from server.demo.machine_link import MachineLink
from server.demo.plan import LIVE_STEP_S, Plan, Progress
from server.replay import ReplayError

BEGAN_S = 1_763_760_000.0
HISTORY_S = 2 * 86_400.0


class Broker:
    """Takes everything, until told to fail."""

    def __init__(self) -> None:
        self.packs: list[tuple[str, list[float], list[str]]] = []
        self.states: list[tuple[str, str, str]] = []
        self.fail_after: int | None = None
        self.tell: dict[str, Callable[[bytes], None]] = {}
        self.results: list[tuple[str, CommandResult]] = []

    def connect(self, member, will: bytes, on_command) -> "Connection":
        self.tell[member.device_id] = on_command
        return Connection(self, member.device_id, will)

    def times(self, device_id: str) -> list[float]:
        """Time of each row, in the order of arrival."""
        rows = []
        for who, times_s, names in self.packs:
            if who == device_id:
                rows += [t for t, n in zip(times_s, names, strict=True) if n == names[0]]
        return rows


class Connection:
    def __init__(self, broker: Broker, device_id: str, will: bytes) -> None:
        self.broker, self.device_id, self.will = broker, device_id, will

    def publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        if leaf == "state":
            assert retain
            self._tell(payload)
            return
        if leaf == "results":
            self.broker.results.append((self.device_id, decode_result(payload)))
            return
        if self.broker.fail_after is not None and len(self.broker.packs) >= self.broker.fail_after:
            raise ReplayError("the broker is gone")
        pack = decode_pack(payload, device_id=self.device_id, received_s=0.0)
        self.broker.packs.append((self.device_id, pack.times_s, pack.names))

    def drain(self) -> None:
        pass

    def close(self) -> None:
        pass

    def vanish(self) -> None:
        self._tell(self.will)

    def _tell(self, payload: bytes) -> None:
        state = decode_state(payload)
        self.broker.states.append((self.device_id, state.status, state.reason))


class Stage:
    """Runs a small fleet on a clock that only waiting moves."""

    def __init__(self, folder: Path, *, fleet_size: int = 2, now_s: float = BEGAN_S) -> None:
        self.plan = Plan(
            mqtt="", seed=1, began_s=BEGAN_S, progress_file=str(folder / "fleet.json"),
            passwords={}, repairs={}, history_s=HISTORY_S,
        )  # fmt: skip
        self.size = fleet_size
        self.now_s = now_s
        self.broker = Broker()
        self.end_s = float("inf")

    def run(self, faults: tuple[Fault, ...] = ()) -> FleetRun:
        fleet: list[Machine] = machines(seed=1, faults=faults)[: self.size]
        links = [
            MachineLink(machine, member, self.broker.connect, boot="b", sensors=())
            for machine, member in zip(fleet, FLEET, strict=False)
        ]
        return FleetRun(self.plan, links, clock_s=lambda: self.now_s, wait=self.wait)

    def wait(self, seconds: float) -> bool:
        self.now_s += seconds
        return self.now_s >= self.end_s

    def noted_s(self) -> float:
        raw = Path(self.plan.progress_file).read_bytes()
        return msgspec.json.decode(raw, type=Progress).published_until_s


HISTORY = [BEGAN_S - HISTORY_S + 60.0 * k for k in range(2 * 1440)]


def test_the_history_goes_out_in_order_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    shares: list[float] = []
    loaded = stage.run().load(shares.append)
    for member in FLEET[:2]:
        assert stage.broker.times(member.device_id) == HISTORY
    assert loaded.samples == sum(len(times_s) for _, times_s, _ in stage.broker.packs)
    assert loaded.packs == len(stage.broker.packs)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert stage.noted_s() == BEGAN_S
    assert stage.broker.states == [(m.device_id, "online", "birth") for m in FLEET[:2]]


@given(fail_after=st.integers(0, 30))
@settings(max_examples=8, deadline=None)
def test_a_broken_load_is_taken_up_where_it_was_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, fail_after: int
) -> None:
    folder = tmp_path_factory.mktemp("fleet")
    first = Stage(folder)
    first.broker.fail_after = fail_after
    try:
        first.run().load(lambda _share: None)
    except ReplayError:
        first.broker.fail_after = None
    second = Stage(folder)
    second.run().load(lambda _share: None)
    for member in FLEET[:2]:
        counted = Counter(first.broker.times(member.device_id))
        counted.update(second.broker.times(member.device_id))
        assert sorted(counted) == HISTORY
        # What goes out twice are whole slices that were not noted yet: the server knows their times.
        assert max(counted.values()) <= 2


def test_started_again_it_fills_the_pause_and_loads_nothing_twice(tmp_path: Path) -> None:
    first = Stage(tmp_path)
    run = first.run()
    run.load(lambda _share: None)
    first.end_s = BEGAN_S + 100.0
    run.live()
    run.end()
    ended_s = first.noted_s()
    assert BEGAN_S + 80.0 <= ended_s <= BEGAN_S + 110.0
    later = Stage(tmp_path, now_s=BEGAN_S + 7200.0)
    later.run().load(lambda _share: None)
    [times_s, _] = [later.broker.times(m.device_id) for m in FLEET[:2]]
    assert ended_s <= times_s[0] < ended_s + 60.0
    assert times_s[-1] > BEGAN_S + 7200.0 - 120.0
    assert not set(times_s) & set(first.broker.times(FLEET[0].device_id))


def test_live_readings_come_when_they_are_due(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    run = stage.run()
    run.load(lambda _share: None)
    before = len(stage.broker.packs)
    stage.end_s = BEGAN_S + 300.0
    run.live()
    live = stage.broker.packs[before:]
    assert len(live) == 2 * 300 / LIVE_STEP_S
    times_s = [times[0] for _, times, _ in live]
    assert times_s == sorted(times_s)
    assert stage.now_s == pytest.approx(BEGAN_S + 300.0, abs=LIVE_STEP_S)
    run.end()
    assert stage.broker.states[-2:] == [(m.device_id, "offline", "shutdown") for m in FLEET[:2]]


def test_a_silent_machine_keeps_its_readings_for_later(tmp_path: Path) -> None:
    silent = Fault(
        FLEET[0].device_id, FaultKind.SILENT, BEGAN_S + 50.0, per_day=1.0, end_s=BEGAN_S + 200.0
    )
    stage = Stage(tmp_path)
    run = stage.run((silent,))
    run.load(lambda _share: None)
    stage.end_s = BEGAN_S + 100.0
    run.live()
    heard = stage.broker.times(FLEET[0].device_id)
    assert heard[-1] < BEGAN_S + 50.0
    assert stage.broker.states[-1] == (FLEET[0].device_id, "offline", "will")
    stage.end_s = BEGAN_S + 300.0
    run.live()
    assert stage.broker.states[-1] == (FLEET[0].device_id, "online", "birth")
    heard = [t for t in stage.broker.times(FLEET[0].device_id) if t >= BEGAN_S]
    gaps = [b - a for a, b in itertools.pairwise(heard)]
    assert gaps == [LIVE_STEP_S] * len(gaps)
    assert heard[-1] > BEGAN_S + 280.0


def test_machines_answer_commands_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    run = stage.run()
    run.load(lambda _share: None)
    who = FLEET[0].device_id
    later_s = BEGAN_S + 3600.0
    for command in (
        Command("a", "read_now", {}, later_s),
        Command("a", "read_now", {}, later_s),
        Command("b", "reboot", {}, later_s),
        Command("c", "diagnostics", {}, BEGAN_S - 1.0),
        Command("d", "diagnostics", {}, later_s),
    ):
        stage.broker.tell[who](encode_command(command))
    stage.broker.tell[who](b"nonsense")
    stage.end_s = BEGAN_S + 30.0
    run.live()
    assert {device_id for device_id, _ in stage.broker.results} == {who}
    results = [(r.id, r.status) for _, r in stage.broker.results]
    assert results == [
        ("a", "done"), ("a", "done"), ("b", "refused"), ("c", "expired"), ("d", "done")
    ]  # fmt: skip
    [first, second, *_] = [r for _, r in stage.broker.results]
    assert first == second
    assert "compressor/current" in first.output


def test_the_plan_survives_its_pipe() -> None:
    plan = Plan("mqtt://h:1", 7, 1.5, "/x", {"a": "b"}, {"c": 2.0})
    line = msgspec.json.encode(plan)
    assert b"\n" not in line
    assert json.loads(line)["repairs"] == {"c": 2.0}
    assert msgspec.json.decode(line, type=Plan) == plan
