from inspect import ismodule

import pytest
from hypothesis import given
from hypothesis import strategies as st

import field_service
from field_service import (
    FAULT_ON_DEVICE,
    JOB_LIFE_CYCLE,
    FieldServiceError,
    JobAction,
    JobState,
    Outcome,
    Technician,
    TransitionRefused,
    Verdict,
    VerdictRefused,
    choose,
    next_state,
    phrases,
    plan_visit,
)

NOTHING_FOUND = Verdict(Outcome.NO_FAULT_FOUND)


def test_the_usual_way_from_need_to_verdict():
    state = JobState.OPEN
    for action in (
        JobAction.ASSIGN,
        JobAction.TRAVEL,
        JobAction.START,
        JobAction.PAUSE,
        JobAction.RESUME,
    ):
        state = next_state(state, action)
    assert next_state(state, JobAction.FINISH, NOTHING_FOUND) is JobState.FINISHED


def test_a_job_does_not_finish_without_a_verdict():
    with pytest.raises(VerdictRefused, match="none was given"):
        next_state(JobState.ON_SITE, JobAction.FINISH)


def test_the_life_cycle_is_checked_before_the_verdict():
    with pytest.raises(TransitionRefused):
        next_state(JobState.OPEN, JobAction.FINISH)


@given(st.lists(st.sampled_from(JobAction), max_size=15))
def test_a_finished_job_was_on_site(actions: list[JobAction]):
    state, visited = JobState.OPEN, [JobState.OPEN]
    for action in actions:
        if action in JOB_LIFE_CYCLE.actions(state):
            state = next_state(state, action, NOTHING_FOUND)
            visited.append(state)
    if state is JobState.FINISHED:
        assert {JobState.ASSIGNED, JobState.ON_SITE} <= set(visited)


@given(st.sampled_from(Outcome), st.sampled_from(["", "  ", "fan"]), st.sampled_from(["", "done"]))
def test_a_fault_names_its_part_and_the_work(outcome: Outcome, component: str, action: str):
    complete = bool(component.strip() and action)
    if outcome in FAULT_ON_DEVICE and not complete:
        with pytest.raises(VerdictRefused, match="needed when a fault was found"):
            Verdict(outcome, component, action)
    else:
        assert Verdict(outcome, component, action).repaired == (outcome in FAULT_ON_DEVICE)


technicians = st.lists(
    st.builds(
        Technician,
        st.integers(1, 9),
        st.integers(0, 3),
        st.frozensets(st.sampled_from(["a", "b"])),
    ),
    unique_by=lambda t: t.id,
)


@given(technicians, st.sampled_from(["", "a", "b"]))
def test_the_least_loaded_able_technician_goes(people: list[Technician], skill: str):
    chosen = choose(people, skill)
    able = [p for p in people if not skill or not p.skills or skill in p.skills]
    assert (chosen is None) == (not able)
    if chosen is not None:
        assert chosen in able
        assert all((chosen.load, chosen.id) <= (p.load, p.id) for p in able)
        assert choose(people[::-1], skill) == chosen


def test_a_worn_compressor_wants_a_clamp_meter():
    plan = plan_visit("drift", ["compressor/current"])
    assert plan.skill == "refrigeration"
    assert "Clamp meter" in plan.tools
    assert plan.tasks[0] == "Measure the compressor's current"


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=3))
def test_any_visit_has_something_to_do_and_says_only_known_phrases(kind: str, metrics: list[str]):
    plan = plan_visit(kind, metrics)
    assert plan.tasks
    said = (*plan.tasks, *plan.parts, *plan.tools)
    assert set(said) <= set(phrases())
    assert len(set(plan.tasks)) == len(plan.tasks)
    assert plan.bring() == {"parts": list(plan.parts), "tools": list(plan.tools)}


def test_the_public_names_are_these():
    public = {n for n, v in vars(field_service).items() if n[0] != "_" and not ismodule(v)}
    assert public == set(field_service.__all__)
    assert issubclass(VerdictRefused, FieldServiceError)
    assert issubclass(TransitionRefused, FieldServiceError)
