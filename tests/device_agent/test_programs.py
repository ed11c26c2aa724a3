"""A program is run to its end or to its time, and only so much of what it says is kept."""

import threading
import time

import pytest

from device_agent.programs import end_programs, run_program


def run(script, **more):
    return run_program(("sh", "-c", script), **{"timeout_s": 20.0, "limit_bytes": 1000, **more})


def test_what_it_says_on_both_streams_and_how_it_ended():
    done = run("echo out; echo err >&2; exit 3")
    assert (done.status, done.output, done.errors, done.is_late) == (3, b"out\n", b"err\n", False)
    assert done.said(2) == "er…"


def test_a_program_that_never_stops_talking_is_ended_and_little_is_kept():
    done = run("yes", timeout_s=0.3)
    assert (done.is_late, len(done.output)) == (True, 1000)


def test_a_child_that_stays_behind_holds_nobody():
    begun = time.monotonic()
    assert run("sleep 60 & echo started").output == b"started\n"
    assert time.monotonic() - begun < 15


def test_a_program_that_closes_its_streams_and_works_on_is_waited_for():
    begun = time.monotonic()
    assert run("exec >&- 2>&-; sleep 0.3").status == 0
    assert time.monotonic() - begun >= 0.3


def test_a_killed_program_has_the_signals_number():
    assert run("kill -9 $$").status == -9


def test_a_program_that_is_not_there():
    with pytest.raises(FileNotFoundError):
        run_program(("/nowhere/program",), timeout_s=1.0, limit_bytes=10)


@pytest.mark.parametrize("may_outlive", [False, True])
def test_what_runs_when_the_agent_leaves_is_ended_unless_it_may_stay(may_outlive):
    done = []
    thread = threading.Thread(target=lambda: done.append(run("sleep 1", may_outlive=may_outlive)))
    thread.start()
    time.sleep(0.3)
    end_programs()
    thread.join()
    assert done[0].status == (0 if may_outlive else -9)
