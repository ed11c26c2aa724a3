"""A visit: from the finding that needs hands to what its verdict does to the ticket."""

from datetime import timedelta

import pytest

from field_service import JobAction, JobState, Outcome
from server.account.viewer import Role
from server.job import service
from server.job.service import Step
from server.kit.errors import BadInput, Conflict
from server.ticket import service as tickets
from server.ticket.states import Resolution, TicketState
from tests.server.incident.case_world import CaseWorld


def step(world: CaseWorld, viewer, action: JobAction, **more) -> None:
    with world.database.transaction() as session:
        job = world.jobs()[-1].id
        service.transition(session, viewer, job, Step(action=action, **more), now=world.now)
    world.dispatcher.drain()


def go_there(world: CaseWorld, viewer) -> None:
    for action in (JobAction.TRAVEL, JobAction.START):
        step(world, viewer, action)


FIXED = {"verdict": Outcome.CONFIRMED, "component": "compressor", "work_done": "capacitor replaced"}


def test_a_worn_part_opens_a_job_for_the_least_loaded_technician(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(world.device())
    (job,) = world.jobs()
    (ticket,) = world.tickets()
    assert (job.ticket_id, job.incident_id) == (ticket.id, ticket.incident_id)
    assert (job.state, job.technician_id) == (JobState.ASSIGNED, technician.user_id)
    assert (job.site, job.skill) == ("Cellar 1", "refrigeration")
    assert "Clamp meter" in job.bring["tools"]
    assert world.now < job.planned_for < ticket.due_at
    assert ticket.visit_pending
    assert world.parked() == []


def test_without_technicians_the_job_is_free(world: CaseWorld):
    world.find(world.device())
    (job,) = world.jobs()
    assert (job.state, job.technician_id) == (JobState.OPEN, None)


def test_what_needs_no_hands_opens_none_until_it_does(world: CaseWorld):
    finding = world.find(world.device(), severity=0.3)
    assert world.jobs() == []
    world.update(finding, severity=0.6)
    world.update(finding, severity=0.9)
    assert len(world.jobs()) == 1


def test_a_confirmed_fault_starts_a_new_baseline_and_waits_for_the_telemetry(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    device = world.device()
    finding = world.find(device)
    go_there(world, technician)
    world.clock.advance(seconds=3600)
    step(world, technician, JobAction.FINISH, **FIXED)
    (job,) = world.jobs()
    assert (job.state, job.verdict) == (JobState.FINISHED, Outcome.CONFIRMED)
    assert (job.component, job.action) == ("compressor", "capacitor replaced")
    assert job.finished_at - job.started_at == timedelta(hours=1)
    (repaired,) = world.payloads("DeviceRepaired")
    assert (repaired["device_id"], repaired["at_s"]) == (device, world.now.timestamp())
    (ticket,) = world.tickets()
    assert (ticket.state, ticket.visit_pending) == (TicketState.IN_PROGRESS, False)
    world.end(finding)
    world.wait(minutes=15)
    (ticket,) = world.tickets()
    assert (ticket.state, ticket.resolution) == (TicketState.CLOSED, Resolution.REPAIRED)


@pytest.mark.parametrize("outcome", [Outcome.NO_FAULT_FOUND, Outcome.EXTERNAL_CAUSE])
def test_without_a_repair_the_baseline_stays(world: CaseWorld, outcome: Outcome):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(world.device())
    go_there(world, technician)
    step(world, technician, JobAction.FINISH, verdict=outcome)
    assert world.payloads("DeviceRepaired") == []
    assert world.payloads("JobFinished")[0]["verdict"] == outcome


def test_a_recovery_does_not_close_the_ticket_under_the_technicians_feet(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    finding = world.find(world.device())
    go_there(world, technician)
    world.end(finding)
    world.wait(minutes=20)
    assert world.tickets()[0].state is TicketState.NEW
    step(world, technician, JobAction.FINISH, verdict=Outcome.NO_FAULT_FOUND)
    (ticket,) = world.tickets()
    assert (ticket.state, ticket.resolution) == (TicketState.CLOSED, Resolution.NO_FAULT_FOUND)


def test_a_visit_called_off_after_recovery_closes_the_ticket(world: CaseWorld):
    staff, _ = world.user(Role.STAFF)
    world.end(world.find(world.device()))
    world.wait(minutes=20)
    step(world, staff, JobAction.CANCEL)
    (ticket,) = world.tickets()
    assert (ticket.state, ticket.resolution) == (TicketState.CLOSED, Resolution.RECOVERED)


def test_a_relapse_after_the_visit_opens_another(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    staff, _ = world.user(Role.STAFF)
    device = world.device()
    finding = world.find(device)
    go_there(world, technician)
    step(world, technician, JobAction.FINISH, **FIXED)
    world.end(finding)
    with world.database.transaction() as session:
        closing = tickets.Changes(state=TicketState.CLOSED)
        tickets.change(session, staff, world.tickets()[0].id, closing, now=world.now)
    world.wait(minutes=5)
    world.find(device)
    assert [job.state for job in world.jobs()] == [JobState.FINISHED, JobState.ASSIGNED]
    assert world.tickets()[0].visit_pending


def test_a_step_sent_twice_counts_once_even_later(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(world.device())
    offline_at = world.now + timedelta(minutes=3)
    world.clock.advance(seconds=7200)
    for _ in range(2):
        step(world, technician, JobAction.START, client_id="phone-1", at=offline_at)
    step(world, technician, JobAction.PAUSE, client_id="phone-2")
    step(world, technician, JobAction.START, client_id="phone-1", at=offline_at)
    (job,) = world.jobs()
    assert (job.state, job.started_at, job.version) == (JobState.PAUSED, offline_at, 3)
    assert len(world.payloads("JobStarted")) == 1


def test_a_time_ahead_of_the_clock_is_not_believed(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(world.device())
    step(world, technician, JobAction.START, at=world.now + timedelta(days=9))
    assert world.jobs()[0].started_at == world.now


def test_a_step_on_an_outdated_view_is_refused(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(world.device())
    step(world, technician, JobAction.TRAVEL, version=1)
    with pytest.raises(Conflict, match="has changed since"):
        step(world, technician, JobAction.START, version=1)


def test_finishing_needs_a_whole_verdict(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(world.device())
    go_there(world, technician)
    with pytest.raises(BadInput, match="verdict"):
        step(world, technician, JobAction.FINISH)
    with pytest.raises(BadInput, match="work_done"):
        step(world, technician, JobAction.FINISH, verdict=Outcome.CONFIRMED, component="fan")
    with pytest.raises(BadInput, match="given when a job finishes"):
        step(world, technician, JobAction.PAUSE, verdict=Outcome.CONFIRMED)
    assert world.jobs()[0].state is JobState.ON_SITE
