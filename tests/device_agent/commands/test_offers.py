"""What every agent offers: reading, sampling, diagnostics, calibration, and what changes the machine."""

import logging
import threading
import time

import pytest

from device_agent import log
from device_agent.command_settings import COMMANDS, CommandSettings, PulseSettings, RestartSettings
from device_agent.commands import (
    AboutAgent,
    Calibration,
    CommandDesk,
    CommandLedger,
    Machine,
    builtin_offers,
)
from device_agent.errors import SensorError, SpoolError
from device_agent.sampler import Sampler
from device_agent.sensors.port import SensorDescription, Source
from device_agent.spool import MemorySpool
from device_agent.wire import Command, decode_result, encode_command

NOW_S = 1.7e9


class Relay:
    """A line in memory: keeps what was done to it."""

    def __init__(self):
        self.done = []
        self.is_broken = False

    def set_active(self, active):
        self.done.append(active)
        if active and self.is_broken:
            raise OSError("no such line")

    def release(self):
        self.done.append("released")


@pytest.fixture
def machine(tmp_path):
    rows = (
        SensorDescription("a/v", "V", "voltage", None, lambda s: s),
        SensorDescription("a/on", "", "link", None, lambda s: s > 0),
        SensorDescription("a/word", "", "text", None, lambda s: "w" * 1000),
    )
    calibration = Calibration(tmp_path / "calibration.json")
    sampler = Sampler(
        [Source("a", 10, lambda: 3.5, rows)],
        now=lambda: NOW_S,
        monotonic=lambda: 0.0,
        offsets=calibration.offsets,
    )
    relay, events = Relay(), []
    note = tmp_path / "done"
    settings = CommandSettings(
        allow=COMMANDS,
        reboot=("touch", str(note)),
        restart=(
            RestartSettings("good", ("sh", "-c", f"echo restarted; touch {note}")),
            RestartSettings("bad", ("sh", "-c", "echo no such unit >&2; exit 5")),
            RestartSettings("slow", ("sleep", "60")),
            RestartSettings("none", ("/nowhere/program",)),
        ),
        pulse=(PulseSettings("relay-1", line=3, longest_ms=200),),
        timeout_s=1.0,
    )
    made = Machine(
        settings,
        sampler,
        MemorySpool(10_000),
        calibration,
        AboutAgent("b1", NOW_S - 5, lambda: NOW_S),
        threading.Event(),
        events.append,
        lambda _: relay,
    )
    return made, relay, events, note


@pytest.fixture
def offered(bench, machine):
    return bench.offer(*builtin_offers(machine[0], {"refused": 2}))


def test_every_command_of_the_settings_is_offered(machine):
    assert [offer.name for offer in builtin_offers(machine[0], {})] == list(COMMANDS)


def test_read_now_answers_the_values_and_leaves_them_as_telemetry(offered, machine):
    assert offered.ask("read_now").output == {"a/v": 3.5, "a/on": True, "a/word": "w" * 200}
    assert [r.name for r in machine[0].sampler.take_due().readings][:3] == ["a/v", "a/on", "a/word"]


def test_set_sampling_changes_the_period(offered, machine):
    machine[0].sampler.take_due()
    assert offered.ask("set_sampling", period_s=2).output == {"period_s": 2.0, "sources": "a"}
    assert machine[0].sampler.wait_s() == pytest.approx(2)


@pytest.mark.parametrize(
    "args",
    [{}, {"period_s": "x"}, {"period_s": True}, {"period_s": 0}, {"period_s": 1e9}, {"period_s": 1, "source": "zz"},
     {"period_s": 1, "source": 3}, {"period_s": 1, "other": 1}],
)  # fmt: skip
def test_wrong_sampling_is_refused_with_the_reason(offered, args):
    answer = offered.ask("set_sampling", **args)
    assert answer.status == "refused"
    assert answer.output["reason"]


def test_diagnostics_tell_how_the_agent_is(offered, machine):
    machine[0].sampler.take_due()
    output = offered.ask("diagnostics").output
    assert (output["boot"], output["uptime_s"], output["spool_count"]) == ("b1", 5.0, 0)
    assert output["rss_bytes"] > 1_000_000
    assert output["commands_refused"] == 2
    assert output["sensors"].splitlines()[:2] == ["a/v=3.5 V", "a/on=True"]


def test_diagnostics_bring_the_end_of_the_log(offered, capsys):
    logger = logging.getLogger("forewarn-agent")
    before = (logger.handlers[:], logger.propagate, logger.level)
    try:
        log.set_up_log("info")
        for n in range(1000):
            log.info("line", n=n)
        said = offered.ask("diagnostics", log_lines=3).output["log"].splitlines()
        assert [line.split(" ", 1)[1] for line in said] == [
            f"INFO line n={n}" for n in (997, 998, 999)
        ]
        assert offered.ask("diagnostics", "c2", log_lines=0).output["log"] == ""
        assert offered.ask("diagnostics", "c3", log_lines=301).status == "refused"
    finally:
        logger.handlers[:], logger.propagate, _ = before
        logger.setLevel(before[2])


def test_an_offset_is_kept_used_and_told(offered, machine, tmp_path):
    made, _, events, _ = machine
    made.sampler.take_due()
    output = offered.ask("calibrate", sensor="a/v", reference=3.0).output
    assert output == {"sensor": "a/v", "offset": -0.5, "was": 0.0, "raw": 3.5}
    assert [(e.kind, e.detail["offset"]) for e in events] == [("calibrated", -0.5)]
    assert offered.ask("read_now", "c2").output["a/v"] == 3.0
    assert Calibration(tmp_path / "calibration.json").offsets == {"a/v": -0.5}
    # A second reference is against what the sensor itself says, not against the corrected value.
    assert offered.ask("calibrate", "c3", sensor="a/v", reference=3.0).output["offset"] == -0.5
    assert offered.ask("calibrate", "c4", sensor="a/v", offset=0).output["was"] == -0.5
    assert Calibration(tmp_path / "calibration.json").offsets == {}


@pytest.mark.parametrize(
    "args",
    [{"sensor": "a/v"}, {"sensor": "a/v", "offset": 1, "reference": 1}, {"sensor": "zz", "offset": 1},
     {"sensor": "a/on", "offset": 1}, {"sensor": "a/word", "offset": 1}, {"sensor": "a/v", "offset": 1e12}],
)  # fmt: skip
def test_what_can_not_be_calibrated_is_refused(offered, machine, args):
    machine[0].sampler.take_due()
    assert offered.ask("calibrate", **args).status == "refused"
    assert machine[0].calibration.offsets == {}


def test_an_offset_that_can_not_be_kept_is_not_used(offered, machine, tmp_path):
    machine[0].sampler.take_due()
    (tmp_path / "calibration.new").mkdir()
    assert offered.ask("calibrate", sensor="a/v", offset=1).status == "failed"
    assert machine[0].calibration.offsets == {}


@pytest.mark.parametrize("content", ["", "[]", '{"a": "x"}', '{"a": NaN}', "\udcff"])
def test_a_broken_calibration_corrects_nothing_and_stops_nothing(tmp_path, content):
    path = tmp_path / "c.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert Calibration(path).offsets == {}


def test_a_service_is_restarted_by_its_configured_line(offered, machine):
    assert offered.ask("restart", service="good").output == {"status": 0, "said": "restarted"}
    assert machine[3].exists()


@pytest.mark.parametrize(
    ("service", "status", "said"),
    [
        ("bad", "failed", "ended with 5: no such unit"),
        ("slow", "failed", "ended after 1 s"),
        ("none", "failed", "can't be run"),
        ("sshd; rm -rf /", "refused", "must be good or bad"),
        (7, "refused", "must be a text"),
    ],
)
def test_a_restart_that_fails_says_why(offered, service, status, said):
    answer = offered.ask("restart", service=service)
    assert answer.status == status
    assert said in answer.output["reason"]


def test_a_reboot_is_answered_first_and_then_done(offered, machine):
    answer = offered.answer("reboot")
    assert decode_result(answer.payload).status == "done"
    assert not machine[3].exists()
    machine[0].leaving.set()
    answer.act()
    assert machine[3].exists()


def test_a_pulse_goes_on_and_off(offered, machine):
    assert offered.ask("pulse", relay="relay-1", ms=10).output == {
        "relay": "relay-1",
        "ms": 10,
        "cut_short": False,
    }
    assert machine[1].done == [True, False, "released"]


@pytest.mark.parametrize("args", [{"ms": 201}, {"ms": 0}, {"ms": 1.5}, {"ms": 5, "relay": "x"}, {}])
def test_a_pulse_out_of_bounds_is_refused_and_nothing_is_switched(offered, machine, args):
    assert offered.ask("pulse", **{"relay": "relay-1", **args}).status == "refused"
    assert machine[1].done == []


def test_a_pulse_that_fails_is_switched_off_all_the_same(offered, machine):
    machine[1].is_broken = True
    assert offered.ask("pulse", relay="relay-1", ms=10).status == "failed"
    assert machine[1].done == [True, False, "released"]


def test_a_pulse_ends_early_when_the_agent_leaves(offered, machine):
    machine[0].leaving.set()
    assert offered.ask("pulse", relay="relay-1", ms=200).output["cut_short"] is True
    assert machine[1].done == [True, False, "released"]


def test_without_the_library_a_relay_says_what_is_missing(bench, machine):
    made = machine[0]
    real = Machine(*(getattr(made, name) for name in ("settings", "sampler", "spool", "calibration", "about", "leaving", "report")))  # fmt: skip
    answer = bench.offer(*builtin_offers(real, {})).ask("pulse", relay="relay-1", ms=10)
    assert answer.status == "failed"
    assert SensorError.__name__ in answer.output["reason"] or "gpiochip" in answer.output["reason"]


@pytest.fixture
def desk(offered, machine):
    answers, events = [], []
    made = CommandDesk(
        offered.runner,
        offered.ledger,
        leaving=machine[0].leaving,
        answer=answers.append,
        report=events.append,
        now=lambda: NOW_S,
    )
    made.start()
    yield made, answers, events
    made.stop(20.0)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "hung"
        time.sleep(0.005)


def put(desk, name, command_id="c1", **args):
    desk[0].take(encode_command(Command(command_id, name, args, NOW_S + 60)))


def test_the_desk_answers_then_acts(desk, machine):
    put(desk, "reboot")
    wait_for(lambda: desk[1])
    assert decode_result(desk[1][0]).status == "done"
    assert not machine[3].exists()
    desk[0].stop(20.0)
    assert machine[3].exists()


def test_an_act_that_fails_is_an_event(desk, machine):
    object.__setattr__(machine[0].settings, "reboot", ("false",))
    put(desk, "reboot")
    wait_for(lambda: desk[1])
    machine[0].leaving.set()
    wait_for(lambda: desk[2])
    assert (desk[2][0].kind, "ended with 1" in desk[2][0].detail["reason"]) == (
        "command_failed",
        True,
    )


def test_leaving_does_not_wait_for_a_command_that_hangs(desk):
    put(desk, "restart", service="slow")
    begun = time.monotonic()
    wait_for(lambda: desk[0]._runner._ledger.was_begun("c1"))
    desk[0].stop(0.05)
    assert time.monotonic() - begun < 15


def test_a_ledger_is_closed_when_the_desk_is(tmp_path, machine, offered):
    ledger = CommandLedger(tmp_path / "l.db")
    desk = CommandDesk(
        offered.runner,
        ledger,
        leaving=machine[0].leaving,
        answer=print,
        report=print,
        now=lambda: NOW_S,
    )
    desk.stop(1.0)
    with pytest.raises(SpoolError, match="closed"):
        ledger.was_begun("x")
