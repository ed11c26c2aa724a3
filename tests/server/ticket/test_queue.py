from datetime import timedelta

import pytest

from server.account.viewer import Role
from server.kit.errors import Forbidden
from server.ticket import service
from server.ticket.states import Priority, TicketState
from tests.server.incident.case_world import CaseWorld

CPU = {"metrics": ["cpu/load"]}


def test_the_queue_is_by_urgency_then_by_promise(world: CaseWorld):
    staff, _ = world.user(Role.STAFF)
    for severity in (0.1, 0.9, 0.5, 0.9):
        world.find(world.device(), severity=severity, **CPU)
        world.clock.advance(seconds=60)
    low, first, normal, second = (ticket.id for ticket in world.tickets())
    with world.database.transaction() as session:
        sooner = service.Changes(due_at=world.now + timedelta(hours=1))
        service.change(session, staff, second, sooner, now=world.now)
        done = service.Changes(state=TicketState.RESOLVED)
        service.change(session, staff, normal, done, now=world.now)
    with world.database.reading() as session:
        queued = service.queue(session, staff)
        assert [ticket.id for ticket in queued] == [second, first, low]


def test_the_queue_is_the_desks(world: CaseWorld):
    for role in (Role.OWNER, Role.TECHNICIAN):
        viewer, _ = world.user(role)
        with world.database.reading() as session, pytest.raises(Forbidden):
            service.queue(session, viewer)


def test_priorities_are_ordered():
    ranks = [priority.rank for priority in Priority]
    assert ranks == sorted(ranks)
    assert Priority.LOW.raised() is Priority.NORMAL
    assert Priority.URGENT.raised() is Priority.URGENT
    assert [Priority.of_severity(s) for s in (0.0, 0.3, 0.6, 0.8, 1.0)] == [
        Priority.LOW,
        Priority.NORMAL,
        Priority.HIGH,
        Priority.URGENT,
        Priority.URGENT,
    ]
