"""Allowed names only, each id once, never after its time, always an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.builtin_commands import AboutAgent, builtin_handlers
from device_agent.commands import CommandRunner
from device_agent.ledger import CommandLedger
from device_agent.sampler import Sampler
from device_agent.sensors.port import SensorDescription, Source
from device_agent.spool import MemorySpool
from device_agent.wire import Command, CommandResult, decode_result, encode_command

NOW_S = 1.7e9


@pytest.fixture
def ledger(tmp_path):
    made = CommandLedger(tmp_path / "commands.db")
    yield made
    made.close()


def ask(runner, name, command_id="c1", expires_s=NOW_S + 60, **args):
    answer = runner.run(encode_command(Command(command_id, name, args, expires_s)))
    return decode_result(answer)


def runner_of(ledger, *allowed, **handlers):
    return CommandRunner(handlers, allowed, ledger, now=lambda: NOW_S)


def test_a_command_runs_once_and_the_answer_is_given_again(ledger):
    runs = []
    runner = runner_of(ledger, "count", count=lambda args: runs.append(args) or {"n": len(runs)})
    first = ask(runner, "count", x=1)
    assert first == CommandResult("c1", "done", {"n": 1})
    assert ask(runner, "count", x=1) == first
    assert runs == [{"x": 1}]
    assert ask(runner, "count", "c2").output == {"n": 2}


def test_an_id_that_ran_before_a_restart_does_not_run_again(tmp_path):
    for expected in (1, 1):
        ledger = CommandLedger(tmp_path / "commands.db")
        runs = []
        runner = runner_of(
            ledger, "count", count=lambda args, runs=runs: runs.append(1) or {"n": 1}
        )
        assert ask(runner, "count").output == {"n": expected}
        ledger.close()
    assert runs == []


def test_a_command_that_was_cut_off_is_not_run_again_and_says_so(ledger):
    ledger.begin("c1", NOW_S)
    answer = ask(runner_of(ledger, "x", x=lambda _: {}), "x")
    assert (answer.status, "ended while it ran" in answer.output["reason"]) == ("failed", True)


@pytest.mark.parametrize(("allowed", "name"), [((), "x"), (("x",), "y"), (("y",), "y")])
def test_what_is_not_allowed_or_not_known_is_refused(ledger, allowed, name):
    assert ask(runner_of(ledger, *allowed, x=lambda _: {}), name).status == "refused"


def test_after_its_time_a_command_is_not_run(ledger):
    runs = []
    runner = runner_of(ledger, "x", x=lambda _: runs.append(1) or {})
    assert ask(runner, "x", expires_s=NOW_S).status == "expired"
    assert runs == []


def test_a_failing_command_is_answered_and_so_is_one_whose_answer_can_not_be_sent(ledger):
    runner = runner_of(
        ledger, "bad", "huge", bad=lambda _: 1 / 0, huge=lambda _: {"x": "y" * 100_000}
    )
    assert ask(runner, "bad").output["reason"].startswith("ZeroDivisionError")
    assert ask(runner, "huge", "c2").status == "failed"


@given(st.binary(max_size=60))
def test_any_bytes_are_survived(payload):
    ledger = CommandLedger(None)
    assert runner_of(ledger, "x", x=lambda _: {}).run(payload) is None
    ledger.close()


def test_the_ledger_forgets_the_oldest_only():
    ledger = CommandLedger(None)
    for n in range(1100):
        ledger.begin(f"c{n}", NOW_S)
    assert not ledger.was_begun("c0")
    assert ledger.was_begun("c1099")
    assert ledger.was_begun("c101")
    ledger.close()


class Builtin:
    def __init__(self, ledger):
        one = SensorDescription("a/v", "V", "voltage", None, lambda v: v)
        self.sampler = Sampler(
            [Source("a", 10, lambda: 3.5, (one,))], now=lambda: NOW_S, monotonic=lambda: 0.0
        )
        self.sent = []
        about = AboutAgent("b1", NOW_S - 5, lambda: NOW_S)
        handlers = builtin_handlers(self.sampler, self.sent.append, MemorySpool(10_000), about)
        self.runner = CommandRunner(handlers, handlers, ledger, now=lambda: NOW_S)


def test_read_now_sends_and_answers_the_values(ledger):
    builtin = Builtin(ledger)
    assert ask(builtin.runner, "read_now").output == {"a/v": 3.5}
    assert [reading.name for taken in builtin.sent for reading in taken.readings] == ["a/v"]


def test_set_sampling_changes_the_period(ledger):
    builtin = Builtin(ledger)
    builtin.sampler.take_due()
    assert ask(builtin.runner, "set_sampling", period_s=2).output == {
        "period_s": 2.0,
        "sources": "a",
    }
    assert builtin.sampler.wait_s() == pytest.approx(2)


@pytest.mark.parametrize(
    "args",
    [{}, {"period_s": "x"}, {"period_s": True}, {"period_s": 0}, {"period_s": 1e9}, {"period_s": 1, "source": "zz"},
     {"period_s": 1, "source": 3}, {"period_s": 1, "other": 1}],
)  # fmt: skip
def test_wrong_arguments_are_refused_with_the_reason(ledger, args):
    answer = ask(Builtin(ledger).runner, "set_sampling", **args)
    assert answer.status == "refused"
    assert answer.output["reason"]


def test_diagnostics_tell_how_the_agent_is(ledger):
    output = ask(Builtin(ledger).runner, "diagnostics").output
    assert (output["boot"], output["uptime_s"], output["spool_count"]) == ("b1", 5.0, 0)
    assert output["rss_bytes"] > 1_000_000
