"""What fixed it last time is told from verdicts on the same kind of case, same model."""

from __future__ import annotations

from field_service import JobAction, Outcome
from server.account.viewer import Role
from server.device.model import Device
from server.job import service
from server.job.precedents import precedents
from server.job.service import Step
from tests.server.incident.case_world import CaseWorld


def case(world: CaseWorld, model: str, technician=None, done: str = "", **finding) -> None:
    """A case on a new device; with `done` a visit that found the capacitor at fault."""
    device = world.device()
    with world.database.transaction() as session:
        session.get_one(Device, device).model = model
    world.find(device, **finding)
    if not done:
        return
    world.clock.advance(seconds=3600)
    job = world.jobs()[-1].id
    ending = {"verdict": Outcome.CONFIRMED, "component": "Capacitor", "work_done": done}
    for action in (JobAction.TRAVEL, JobAction.START, JobAction.FINISH):
        more = ending if action is JobAction.FINISH else {}
        with world.database.transaction() as session:
            service.transition(session, technician, job, Step(action=action, **more), now=world.now)
    world.dispatcher.drain()


def told(world: CaseWorld) -> list[tuple[str, str, int]]:
    with world.database.reading() as session:
        found = precedents(session, world.incidents()[-1])
        return [(one.component, one.action, one.times) for one in found]


def test_what_helped_most_often_comes_first(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    for done in ("cleaned", "Replaced", "replaced", "replaced"):
        case(world, "Freezer", technician, done)
    case(world, "freezer ")
    assert told(world) == [("Capacitor", "replaced", 3), ("Capacitor", "cleaned", 1)]


def test_other_models_kinds_and_parts_say_nothing(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    case(world, "pump", technician, "replaced")
    case(world, "freezer", technician, "replaced", kind="level_shift")
    case(world, "freezer", technician, "replaced", metrics=["fan/speed"])
    case(world, "freezer")
    assert told(world) == []
