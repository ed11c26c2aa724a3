from datetime import timedelta

import pytest

from field_service import JobAction
from server.account.viewer import Role
from server.job import service
from server.job.service import Step
from server.kit.errors import Forbidden
from tests.server.incident.case_world import CaseWorld


def test_the_days_jobs_come_in_the_order_of_their_plan(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    for _ in range(3):
        world.find(world.device())
    first, second, third = (job.id for job in world.jobs())
    with world.database.transaction() as session:
        sooner = world.now + timedelta(hours=1)
        service.plan(session, technician, third, sooner, now=world.now)
        release = Step(action=JobAction.RELEASE)
        service.transition(session, technician, second, release, now=world.now)
    with world.database.reading() as session:
        assert [job.id for job in service.day_list(session, technician)] == [third, first]
        assert [job.id for job in service.free(session, technician)] == [second]


def test_owners_have_no_day_list(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    with world.database.reading() as session, pytest.raises(Forbidden):
        service.day_list(session, owner)
