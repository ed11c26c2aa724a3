"""A ticket from its first second to its end, driven by its case and by the clock."""

from datetime import timedelta

import pytest

from server.account.viewer import Role
from server.ticket import lifecycle, service
from server.ticket.model import Ticket
from server.ticket.service import Changes
from server.ticket.states import (
    QUEUE_ESCALATIONS,
    QUEUE_SUPPORT,
    Priority,
    Resolution,
    TicketKind,
    TicketState,
)
from tests.server.incident.case_world import CaseWorld

CPU = {"metrics": ["cpu/load"]}  # needs no hands


def answers(world: CaseWorld, ticket: Ticket) -> service.FourAnswers:
    with world.database.reading() as session:
        return service.four_answers(session, ticket, world.settings)


def test_a_case_opens_one_ticket_with_the_four_answers(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    staff, _ = world.user(Role.STAFF, "Anna Nowak")
    device = world.device(owner)
    onset = world.now - timedelta(hours=30)
    world.find(device, onset_at=onset, severity=0.7, **CPU)
    (ticket,) = world.tickets()
    assert (ticket.kind, ticket.state) == (TicketKind.PROACTIVE, TicketState.NEW)
    assert (ticket.owner_id, ticket.device_id) == (owner.user_id, device)
    assert (ticket.priority, ticket.subject_code) == (Priority.HIGH, "drift")
    four = answers(world, ticket)
    assert four.noticed_sentence.startswith("The compressor draws")
    assert (four.since, four.noticed_component) == (onset, "cpu")
    assert four.due_at == world.now + timedelta(hours=24)
    assert (four.responsible_id, four.responsible_name) == (staff.user_id, "Anna Nowak")
    assert four.announce_by == world.now + timedelta(hours=18)
    assert four.escalates_to == QUEUE_ESCALATIONS
    said = four.in_english()
    assert "Anna Nowak" in said["who"]
    assert "2 March 2026 12:00 UTC" in said["by_when"]
    assert "28 February 2026 06:00 UTC" in said["noticed"]
    assert world.parked() == []


def test_without_staff_the_queue_is_responsible_by_name(world: CaseWorld):
    world.find(world.device(), **CPU)
    (ticket,) = world.tickets()
    assert (ticket.assignee_id, ticket.queue) == (None, QUEUE_SUPPORT)
    assert "“support”" in answers(world, ticket).in_english()["who"]


def test_the_least_loaded_member_of_staff_gets_it(world: CaseWorld):
    first, _ = world.user(Role.STAFF)
    second, _ = world.user(Role.STAFF)
    world.user(Role.ADMIN)
    for _ in range(3):
        world.find(world.device(), **CPU)
    assert [t.assignee_id for t in world.tickets()] == [
        first.user_id,
        second.user_id,
        first.user_id,
    ]


def test_opening_twice_is_opening_once(world: CaseWorld):
    world.find(world.device())
    (case,) = world.incidents()
    with world.database.transaction() as session:
        lifecycle.open_for_incident(session, case, now=world.now, settings=world.settings)
    assert len(world.tickets()) == 1


def test_priority_follows_severity_up_and_never_down(world: CaseWorld):
    finding = world.find(world.device(), severity=0.4, **CPU)
    world.update(finding, severity=0.85)
    assert world.tickets()[0].priority is Priority.URGENT
    world.update(finding, severity=0.2)
    assert world.tickets()[0].priority is Priority.URGENT


def test_recovery_closes_the_ticket_after_the_watch(world: CaseWorld):
    world.end(world.find(world.device(), **CPU))
    assert world.tickets()[0].state is TicketState.NEW
    world.wait(minutes=15)
    (ticket,) = world.tickets()
    assert (ticket.state, ticket.resolution) == (TicketState.CLOSED, Resolution.RECOVERED)
    assert ticket.closed_at == ticket.resolved_at == world.now
    assert ticket.worked_on is False


def test_a_relapse_reopens_the_ticket_that_somebody_had_closed(world: CaseWorld):
    staff, _ = world.user(Role.STAFF)
    device = world.device()
    world.end(world.find(device, **CPU))
    with world.database.transaction() as session:
        closing = Changes(state=TicketState.CLOSED, resolution=Resolution.ANSWERED)
        service.change(session, staff, world.tickets()[0].id, closing, now=world.now)
    world.wait(minutes=10)
    world.find(device, **CPU)
    (ticket,) = world.tickets()
    assert (ticket.state, ticket.resolution) == (TicketState.IN_PROGRESS, None)
    assert ticket.closed_at is None
    assert ticket.due_at == world.now + timedelta(hours=24)
    assert world.payloads("TicketReopened") == [{"ticket_id": ticket.id, "reason": "relapse"}]


def test_a_delay_is_announced_before_the_promise_slips_and_escalates(world: CaseWorld):
    admin, _ = world.user(Role.ADMIN)
    world.find(world.device(), severity=0.4, **CPU)
    (before,) = world.tickets()
    world.wait(hours=17, minutes=59)
    assert world.tickets()[0].delay_announced_at is None
    world.wait(minutes=1)
    (ticket,) = world.tickets()
    assert ticket.delay_announced_at == world.now < before.due_at
    assert ticket.due_at == before.due_at + timedelta(hours=24)
    assert ticket.promised_at == before.due_at
    assert (ticket.priority, ticket.queue) == (Priority.HIGH, QUEUE_ESCALATIONS)
    assert ticket.assignee_id == admin.user_id
    assert answers(world, ticket).delayed
    world.wait(hours=1)
    assert len(world.payloads("TicketDelayAnnounced")) == 1
    world.wait(hours=23)
    assert len(world.payloads("TicketDelayAnnounced")) == 2


def test_after_an_outage_the_new_date_lies_ahead(world: CaseWorld):
    world.find(world.device(), **CPU)
    world.wait(days=5)
    assert world.tickets()[0].due_at == world.now + timedelta(hours=24)


@pytest.mark.parametrize("ended_first", [True, False])
def test_no_delay_is_announced_of_what_is_over(world: CaseWorld, ended_first: bool):
    staff, _ = world.user(Role.STAFF)
    finding = world.find(world.device(), **CPU)
    world.clock.advance(seconds=18 * 3600 - 60)
    if ended_first:
        world.end(finding)
    else:
        with world.database.transaction() as session:
            done = Changes(state=TicketState.RESOLVED)
            service.change(session, staff, world.tickets()[0].id, done, now=world.now)
    world.wait(minutes=2)
    assert world.payloads("TicketDelayAnnounced") == []
