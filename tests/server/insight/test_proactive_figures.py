from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from field_service import JobAction, Outcome
from server.account.viewer import Role, Viewer
from server.insight.endpoints import router
from server.insight.proactive import Proactive, proactive
from server.job import service as jobs
from server.job.service import Step
from server.ticket import service as tickets
from server.ticket.states import Feedback
from tests.server.incident.case_world import CaseWorld

CPU = {"metrics": ["cpu/load"]}  # needs no hands


def figures(world: CaseWorld) -> Proactive:
    with world.database.reading() as session:
        since, until = world.now - timedelta(days=90), world.now + timedelta(seconds=1)
        return proactive(session, since=since, until=until)


def ask(world: CaseWorld, owner: Viewer, device: str) -> None:
    with world.database.transaction() as session:
        tickets.ask(
            session,
            owner,
            device_id=device,
            subject="Help",
            now=world.now,
            settings=world.settings,
        )
    world.dispatcher.drain()


def visit(world: CaseWorld, technician: Viewer, job: int, outcome: Outcome) -> None:
    finish = Step(action=JobAction.FINISH, verdict=outcome, component="fan", work_done="cleaned")
    with world.database.transaction() as session:
        for step in (Step(action=JobAction.START), finish):
            jobs.transition(session, technician, job, step, now=world.now)
    world.dispatcher.drain()


def test_no_data_is_no_figure(world: CaseWorld):
    empty = figures(world)
    assert (empty.cases, empty.requests, empty.relapses, empty.visits_avoided) == (0, 0, 0, 0)
    shares = (empty.noticed_first_share, empty.precision, empty.useful_share)
    medians = (empty.median_lead_time_s, empty.median_hours_to_close)
    assert {*shares, *medians, empty.self_resolved_share, empty.median_detection_delay_s} == {None}


def test_who_noticed_first(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    ours, late, missed = (world.device(owner) for _ in range(3))
    world.find(ours, **CPU)
    ask(world, owner, late)
    ask(world, owner, missed)
    world.clock.advance(seconds=60)
    world.find(late, onset_at=world.now - timedelta(hours=1), **CPU)
    assert figures(world).noticed_first_share == pytest.approx(1 / 3)


def test_lead_time_is_from_the_case_to_the_owners_question(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    device = world.device(owner)
    world.find(device, detected_at=world.now, **CPU)
    world.clock.advance(seconds=7200)
    ask(world, owner, device)
    found = figures(world)
    assert found.median_lead_time_s == 7200
    assert found.median_detection_delay_s == 300
    assert found.noticed_first_share == 1.0


def test_precision_counts_verdicts_and_thumbs_count_apart(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    owner, _ = world.user(Role.OWNER)
    outcomes = [Outcome.CONFIRMED, Outcome.DIFFERENT_FAULT, Outcome.NO_FAULT_FOUND]
    for outcome in outcomes:
        world.find(world.device(owner))
        visit(world, technician, world.jobs()[-1].id, outcome)
    with world.database.transaction() as session:
        up = tickets.Changes(rate=True, feedback=Feedback.USEFUL)
        tickets.change(session, owner, world.tickets()[0].id, up, now=world.now)
    found = figures(world)
    assert (found.verdicts, found.precision) == (3, pytest.approx(2 / 3))
    assert (found.thumbs, found.useful_share) == (1, 1.0)


def test_self_resolved_means_nobody_had_to_work(world: CaseWorld):
    staff, _ = world.user(Role.STAFF)
    alone = world.find(world.device(), **CPU)
    helped = world.find(world.device(), **CPU)
    with world.database.transaction() as session:
        work = tickets.Changes(state=tickets.TicketState.IN_PROGRESS)
        tickets.change(session, staff, world.tickets()[1].id, work, now=world.now)
    world.clock.advance(seconds=2700)
    world.end(alone)
    world.end(helped)
    world.wait(minutes=15)
    found = figures(world)
    assert found.self_resolved_share == 0.5
    assert found.median_hours_to_close == 1.0


def test_relapses_are_those_reopened_and_those_repeated(world: CaseWorld):
    device = world.device()
    world.end(world.find(device, **CPU))
    second = world.find(device, **CPU)
    world.end(second)
    world.wait(minutes=20)
    world.find(device, **CPU)
    assert figures(world).relapses == 2


def test_a_visit_is_avoided_when_it_was_called_off_after_recovery(world: CaseWorld):
    staff, _ = world.user(Role.STAFF)
    recovered = world.find(world.device())
    world.find(world.device())
    world.end(recovered)
    with world.database.transaction() as session:
        for job in world.jobs():
            jobs.transition(session, staff, job.id, Step(action=JobAction.CANCEL), now=world.now)
    assert figures(world).visits_avoided == 1


def test_the_figures_are_the_desks(world: CaseWorld, web_client: Callable[..., Any]):
    world.find(world.device())
    for role, status in (
        (Role.OWNER, 403),
        (Role.TECHNICIAN, 403),
        (Role.STAFF, 200),
        (Role.ADMIN, 200),
    ):
        client = web_client(router)
        client.use_token(world.user(role)[1])
        assert client.get("/insight/proactive").status_code == status
    world.clock.advance(seconds=1)
    body = client.get("/insight/proactive").json()
    assert (body["cases"], body["precision"]) == (1, None)
    assert client.get("/insight/proactive?from=soon").status_code == 422
