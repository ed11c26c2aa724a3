"""Allowed names only, sound arguments, each id once, never after its time, always counted."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.commands import Argument, CommandLedger, CommandRunner, Offer, Then
from device_agent.commands.offer import ArgumentError
from device_agent.commands.output_size import MAX_OUTPUT_BYTES
from device_agent.errors import CommandError, SpoolError
from device_agent.wire import CommandResult, decode_result

NOW_S = 1.7e9


def counter(runs, *arguments):
    return Offer("count", arguments, lambda args: runs.append(args) or {"n": len(runs)})


def failing(name, error):
    def run(_):
        raise error

    return Offer(name, (), run)


def test_a_command_runs_once_and_the_answer_is_given_again(bench):
    runs = []
    bench.offer(counter(runs, Argument("x", "whole")))
    first = bench.ask("count", x=1)
    assert first == CommandResult("c1", "done", {"n": 1})
    assert bench.ask("count", x=1) == first
    assert runs == [{"x": 1}]
    assert bench.ask("count", "c2").output == {"n": 2}
    assert bench.runner.counts == {"done": 2}


def test_an_id_that_ran_before_a_restart_does_not_run_again(tmp_path, bench):
    for expected in ([{}], []):
        bench.ledger = CommandLedger(tmp_path / "commands.db")
        runs = []
        assert bench.offer(counter(runs)).ask("count").output == {"n": 1}
        assert runs == expected
        bench.ledger.close()


def test_a_command_that_was_cut_off_is_not_run_again_and_says_so(bench):
    bench.ledger.begin("c1", NOW_S, NOW_S + 60)
    runs = []
    answer = bench.offer(counter(runs)).ask("count")
    assert (answer.status, "ended while it ran" in answer.output["reason"]) == ("failed", True)
    assert runs == []


@pytest.mark.parametrize(
    ("allowed", "name"), [((), "count"), (("count",), "y"), (("y",), "count"), (("y",), "y")]
)
def test_what_is_not_allowed_or_not_known_is_refused(bench, allowed, name):
    runs = []
    assert bench.offer(counter(runs), allowed=allowed).ask(name).status == "refused"
    assert runs == []
    assert bench.runner.counts == {"refused": 1}
    assert not bench.ledger.was_begun("c1")


def test_after_its_time_a_command_is_not_run(bench):
    runs = []
    assert bench.offer(counter(runs)).ask("count", expires_s=NOW_S).status == "expired"
    assert (runs, bench.runner.counts) == ([], {"expired": 1})


def test_before_the_clock_is_set_nobody_knows_whether_it_has_expired(bench):
    runs = []
    bench.offer(counter(runs)).now_s = 1000.0
    assert bench.answer("count") is None
    bench.now_s = NOW_S
    assert bench.ask("count").status == "done"


def test_failures_are_answered_in_their_words(bench):
    bench.offer(
        failing("bug", ZeroDivisionError("oops")),
        failing("down", CommandError("no such unit\x1b[2J")),
        failing("late", ArgumentError("there is no such source")),
    )
    answers = [bench.ask(name, name) for name in ("bug", "down", "late")]
    assert [(a.status, a.output["reason"]) for a in answers] == [
        ("failed", "ZeroDivisionError: oops"),
        ("failed", "no such unit?[2J"),
        ("refused", "there is no such source"),
    ]
    assert bench.runner.counts == {"failed": 2, "refused": 1}


ARGUMENTS = (
    Argument("ms", "whole", is_required=True, low=1, high=500),
    Argument("share", "number", low=-1, high=1),
    Argument("on", "flag"),
    Argument("name", "text", choices=("a", "b")),
    Argument("note", "text", high=3),
)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "ms is required"),
        ({"ms": "1"}, "ms must be a whole number"),
        ({"ms": 1.5}, "ms must be a whole number"),
        ({"ms": True}, "ms must be a whole number"),
        ({"ms": None}, "ms must be a whole number"),
        ({"ms": 501}, "ms must be from 1 to 500"),
        ({"ms": 1, "share": 1.01}, "share must be from -1 to 1"),
        ({"ms": 1, "on": 1}, "on must be true or false"),
        ({"ms": 1, "name": "c"}, "name must be a or b"),
        ({"ms": 1, "note": "long"}, "note must be a text of 0 to 3"),
        ({"ms": 1, "other": 1}, "there is no other"),
        ({"other": 1}, "there is no other; ms is required"),
    ],
)
def test_wrong_arguments_are_refused_with_the_reason(bench, args, said):
    runs = []
    answer = bench.offer(counter(runs, *ARGUMENTS)).ask("count", **args)
    assert answer.status == "refused"
    assert said in answer.output["reason"]
    assert runs == []


def test_right_arguments_arrive(bench):
    runs = []
    args = {"ms": 500, "share": -1, "on": False, "name": "b", "note": "abc"}
    assert bench.offer(counter(runs, *ARGUMENTS)).ask("count", **args).status == "done"
    assert runs == [args]


@pytest.mark.parametrize(
    "output",
    [
        {"x": "y" * 100_000},
        {"log": '"\n\x1b' * 30_000, "small": 1},
        {f"k{n}": "v" * 500 for n in range(300)},
        {f"k{n}{'x' * 100}": n for n in range(128)},
        {"a": "\ud800" * 10},
        {"n": float("nan")},
        {"": 1},
    ],
)
def test_any_output_is_capped_or_told_to_be_unfit(bench, output):
    answer = bench.offer(Offer("x", (), lambda _: output)).answer("x")
    assert len(answer.payload) <= MAX_OUTPUT_BYTES
    result = decode_result(answer.payload)
    assert (result.status == "failed") == ("reason" in result.output)
    if "small" in output:
        assert result.output["small"] == 1
        assert result.output["log"].endswith("(cut)")


def test_what_ends_the_agent_is_done_after_the_answer_is_safe(bench):
    done = []
    bench.offer(Offer("reboot", (), lambda _: Then({"in_s": 3}, lambda: done.append(1))))
    answer = bench.answer("reboot")
    assert (decode_result(answer.payload).output, done) == ({"in_s": 3}, [])
    assert bench.ledger.result("c1") == answer.payload
    answer.act()
    assert done == [1]
    # Asked again, after the restart: the same answer, and nothing more is done.
    assert bench.answer("reboot").act is None


NAMES = st.sampled_from(["count", "reboot", "__init__", "a.b"]) | st.text("abc_.", max_size=70)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
ODD = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3))  # fmt: skip
COMMANDS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(string.ascii_letters + "-_ /\x00é", max_size=70) | ODD,
        "name": NAMES | ODD,
        "args": st.dictionaries(st.sampled_from(["ms", "share", "on", "name", "note", "x"]), ODD)
        | ODD,
        "expires": st.sampled_from([NOW_S + 60, NOW_S - 60, 0, -1, 1e300]) | ODD,
        "extra": ODD,
    },
)


@given(
    st.lists(st.binary(max_size=80) | COMMANDS.map(lambda c: json.dumps(c).encode()), max_size=8)
)
def test_hostile_commands_run_nothing_that_is_not_allowed_and_never_twice(payloads):
    ledger, runs, events = CommandLedger(None), [], []
    runner = CommandRunner(
        [counter(runs, *ARGUMENTS), failing("reboot", AssertionError("must not run"))],
        {"count"},
        ledger,
        now=lambda: NOW_S,
        monotonic=lambda: 0.0,
        report=events.append,
    )
    done = set()
    for payload in payloads + payloads:
        answer = runner.run(payload)
        result = answer and decode_result(answer.payload)
        if result and result.status == "done":
            done.add(result.id)
            sent = json.loads(payload)
            assert sent["name"] == "count"
            assert sent["expires"] > NOW_S
            assert 1 <= sent["args"]["ms"] <= 500
    assert len(runs) == len(done)
    assert runner.counts["malformed"] >= len(events) - 1
    ledger.close()


def test_a_flood_is_answered_for_a_while_then_counted_and_told(bench):
    bench.offer()
    answers = [bench.answer("x", f"c{n}") for n in range(100)]
    assert sum(answer is not None for answer in answers) == 30
    assert [(e.kind, e.detail["refused_since_start"]) for e in bench.events] == [
        ("command_refused", 30)
    ]
    assert bench.runner.counts == {"refused": 100}
    bench.monotonic_s = 61.0
    assert bench.answer("x", "later") is not None


def test_what_is_no_command_is_told_as_an_event(bench):
    bench.offer()
    for _ in range(200):
        assert bench.runner.run(b"{}") is None
    assert len(bench.events) == 30
    assert bench.events[-1].detail["refused_since_start"] == 30
    assert bench.runner.counts == {"malformed": 200}


def test_the_ledger_forgets_only_what_is_old_and_has_expired(ledger):
    for n in range(1500):
        ledger.begin(f"old{n}", NOW_S, NOW_S + 10)
    assert ledger.was_begun("old0")
    ledger.begin("new", NOW_S + 20, NOW_S + 100)
    assert not ledger.was_begun("old0")
    assert ledger.was_begun("old600")
    assert ledger.was_begun("new")


def test_a_ledger_full_of_what_has_not_expired_takes_nothing_new(bench, monkeypatch):
    monkeypatch.setattr("device_agent.commands.ledger._MOST", 50)
    for n in range(50):
        bench.ledger.begin(f"c{n}", NOW_S, NOW_S + 1e6)
    runs = []
    assert bench.offer(counter(runs)).answer("count", "new") is None
    assert runs == []


def test_a_ledger_that_can_not_be_read_puts_off(bench):
    runs = []
    bench.offer(counter(runs))
    bench.ledger.close()
    assert bench.answer("count") is None
    assert runs == []


def test_a_ledger_that_can_not_be_opened_says_so(tmp_path):
    (tmp_path / "commands.db").write_text("this is no database" * 100)
    with pytest.raises(SpoolError, match="can't be used"):
        CommandLedger(tmp_path / "commands.db")
