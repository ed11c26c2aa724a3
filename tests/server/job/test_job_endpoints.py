from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from server.account.viewer import Role
from server.job.endpoints import router
from tests.server.incident.case_world import CaseWorld


@pytest.fixture
def client_of(world: CaseWorld, web_client: Callable[..., Any]) -> Callable[..., Any]:
    """A client of a new person of a role; `.viewer` is the person."""

    def build(role: Role) -> Any:
        viewer, token = world.user(role)
        client = web_client(router)
        client.use_token(token)
        client.viewer = viewer
        return client

    return build


def move(client: Any, job_id: int, action: str, **more: Any) -> Any:
    return client.post(f"/jobs/{job_id}/transition", json={"action": action, **more})


def open_job(world: CaseWorld) -> int:
    world.find(world.device())
    return world.jobs()[-1].id


def test_a_technician_takes_a_free_job_and_brings_it_to_an_end(world: CaseWorld, client_of):
    job = open_job(world)
    technician = client_of(Role.TECHNICIAN)
    seen = technician.get(f"/jobs/{job}").json()
    assert seen["possible"] == ["assign", "cancel"]
    assert move(technician, job, "travel").status_code == 409
    taken = move(technician, job, "assign").json()
    assert taken["job"]["technician_id"] == technician.viewer.user_id
    assert move(technician, job, "start").json()["job"]["state"] == "on_site"
    incomplete = move(technician, job, "finish", verdict="confirmed")
    assert incomplete.status_code == 422
    assert incomplete.json()["errors"][0]["field"] == "component"
    done = move(
        technician,
        job,
        "finish",
        verdict="confirmed",
        component="fan",
        work_done="bearing replaced",
        note="Noisy <b>fan</b>\x1b[31m",
    ).json()
    assert (done["job"]["state"], done["job"]["work_done"]) == ("finished", "bearing replaced")
    assert done["job"]["note"] == "Noisy <b>fan</b>[31m"
    assert done["possible"] == []
    assert [s["action"] for s in done["steps"]] == ["assign", "start", "finish"]


def test_a_technician_sees_his_own_and_free_jobs(world: CaseWorld, client_of):
    free, mine, foreign = open_job(world), open_job(world), open_job(world)
    technician, colleague = client_of(Role.TECHNICIAN), client_of(Role.TECHNICIAN)
    move(technician, mine, "assign")
    move(colleague, foreign, "assign")
    assert [row["id"] for row in technician.get("/jobs").json()["items"]] == [mine, free]
    assert technician.get(f"/jobs/{foreign}").status_code == 404
    assert move(technician, foreign, "travel").status_code == 404
    assert (
        move(technician, free, "assign", technician_id=colleague.viewer.user_id).status_code == 403
    )
    assert move(technician, mine, "cancel").status_code == 403
    assert move(technician, mine, "release").json()["job"]["technician_id"] is None


def test_jobs_are_not_for_owners_nor_for_strangers(
    world: CaseWorld, client_of, web_client: Callable[..., Any]
):
    job = open_job(world)
    owner = client_of(Role.OWNER)
    assert owner.get("/jobs").status_code == 403
    assert owner.get(f"/jobs/{job}").status_code == 403
    assert move(owner, job, "cancel").status_code == 403
    assert web_client(router).get("/jobs").status_code == 401


def test_staff_assign_plan_filter_and_cancel(world: CaseWorld, client_of):
    first, second = open_job(world), open_job(world)
    staff, technician = client_of(Role.STAFF), client_of(Role.TECHNICIAN)
    person = technician.viewer.user_id
    assert move(staff, first, "assign").status_code == 422
    assert move(staff, first, "assign", technician_id=staff.viewer.user_id).status_code == 422
    assert move(staff, first, "assign", technician_id=person).status_code == 200
    when = (world.now + timedelta(hours=3)).isoformat()
    planned = staff.request("PATCH", f"/jobs/{first}", json={"planned_for": when}).json()
    assert planned["job"]["planned_for"] == when.replace("+00:00", "Z")
    assert move(staff, second, "cancel").json()["job"]["state"] == "cancelled"
    again = staff.request("PATCH", f"/jobs/{second}", json={"planned_for": when})
    assert again.status_code == 409

    def listed(**params: Any) -> list[int]:
        return [row["id"] for row in staff.get("/jobs", params=params).json()["items"]]

    assert listed() == [second, first]
    assert listed(technician=person) == listed(state="assigned") == [first]
    page = staff.get("/jobs", params={"limit": 1}).json()
    assert listed(limit=1, cursor=page["next_cursor"]) == [first]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "fly"},
        {"action": "travel", "colour": "red"},
        {"action": "start", "at": "2026-03-01T12:00:00"},
        {"action": "start", "client_id": ""},
        {"action": "finish", "verdict": "maybe"},
        {"action": "finish", "verdict": "confirmed", "component": "x" * 101},
    ],
)
def test_a_bad_step_is_refused(world: CaseWorld, client_of, body: dict[str, Any]):
    job = open_job(world)
    answer = client_of(Role.STAFF).post(f"/jobs/{job}/transition", json=body)
    assert answer.status_code == 422


def test_the_same_step_from_two_tries_answers_alike(world: CaseWorld, client_of):
    job = open_job(world)
    technician = client_of(Role.TECHNICIAN)
    first = move(technician, job, "assign", client_id="a1", version=1)
    again = move(technician, job, "assign", client_id="a1", version=1)
    assert (first.status_code, first.json()) == (200, again.json())
