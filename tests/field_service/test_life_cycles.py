from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_service import JOB_LIFE_CYCLE, LifeCycle, TransitionRefused
from server.incident.states import INCIDENT_LIFE_CYCLE
from server.ticket.states import TICKET_LIFE_CYCLE

ROOT = Path(__file__).resolve().parents[2]
LIFE_CYCLES = {
    "Incident": INCIDENT_LIFE_CYCLE,
    "Ticket": TICKET_LIFE_CYCLE,
    "Field job": JOB_LIFE_CYCLE,
}
INTRODUCTION = """# Life-cycles

Drawn from the tables in the program, which are the only place where they can be changed
(`server/incident/states.py`, `server/ticket/states.py`, `field_service/job.py`);
a test holds this page in step with them.
"""

each = pytest.mark.parametrize("cycle", LIFE_CYCLES.values(), ids=LIFE_CYCLES)


def page() -> str:
    parts = [INTRODUCTION]
    parts += [f"## {t}\n\n```mermaid\n{c.mermaid()}\n```\n" for t, c in LIFE_CYCLES.items()]
    return "\n".join(parts)


def test_the_page_shows_the_tables():
    assert (ROOT / "docs" / "life-cycles.md").read_text("utf-8") == page()


@each
def test_every_state_can_be_reached(cycle: LifeCycle):
    reached, frontier = set(), {cycle.initial}
    while frontier:
        reached |= frontier
        frontier = {to for (start, _), to in cycle.table.items() if start in reached} - reached
    assert reached == set(type(cycle.initial))


@each
@given(data=st.data())
def test_no_sequence_of_actions_leaves_the_table(cycle: LifeCycle, data: st.DataObject):
    actions = list({action for _, action in cycle.table})
    state = cycle.initial
    path = [state]
    for action in data.draw(st.lists(st.sampled_from(actions), max_size=20)):
        if (state, action) in cycle.table:
            state = cycle.after(state, action)
            path.append(state)
            continue
        with pytest.raises(TransitionRefused) as refusal:
            cycle.after(state, action)
        assert refusal.value.allowed == cycle.actions(state)
    assert all((a, cycle.action_to(a, b)) in cycle.table for a, b in pairwise(path))
    assert not any(s in cycle.final for s in path[:-1])


@each
def test_final_states_allow_nothing_and_say_so(cycle: LifeCycle):
    for state in cycle.final:
        assert cycle.actions(state) == ()
        with pytest.raises(TransitionRefused, match="possible: nothing"):
            cycle.after(state, next(iter(cycle.table))[1])


def test_an_action_to_an_unreachable_state_is_refused():
    states = type(JOB_LIFE_CYCLE.initial)
    with pytest.raises(TransitionRefused, match="become finished"):
        JOB_LIFE_CYCLE.action_to(states.OPEN, states.FINISHED)
