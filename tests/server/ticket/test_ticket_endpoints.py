from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from server.account.viewer import Role
from server.ticket.endpoints import router
from tests.server.incident.case_world import CaseWorld

ASKING = {"subject": "It hums", "description": "Since this morning."}


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


def ask(client: Any, device_id: str, **more: Any) -> Any:
    return client.post("/tickets", json={"device_id": device_id, **ASKING, **more})


def patch(client: Any, ticket_id: int, **changes: Any) -> Any:
    return client.request("PATCH", f"/tickets/{ticket_id}", json=changes)


def test_an_owner_asks_for_help_and_reads_what_is_promised(world: CaseWorld, client_of):
    owner = client_of(Role.OWNER)
    world.user(Role.STAFF, "Anna Nowak")
    answer = ask(owner, world.device(owner.viewer), priority="urgent")
    assert answer.status_code == 201
    ticket = answer.json()
    assert (ticket["kind"], ticket["state"]) == ("asked", "new")
    assert ticket["priority"] == "normal", "an owner's wish is not the queue's order"
    assert ticket["answers"]["noticed"].startswith("It hums. Since 1 March 2026")
    assert "Anna Nowak" in ticket["answers"]["who"]
    assert owner.get(f"/tickets/{ticket['id']}").json() == ticket


def test_tickets_of_others_do_not_exist_for_an_owner(world: CaseWorld, client_of):
    owner, other = client_of(Role.OWNER), client_of(Role.OWNER)
    device = world.device(other.viewer)
    ticket = ask(other, device).json()["id"]
    assert ask(owner, device).status_code == 404
    assert owner.get(f"/tickets/{ticket}").status_code == 404
    assert patch(owner, ticket, state="closed").status_code == 404
    assert owner.get("/tickets").json()["items"] == []
    assert len(other.get("/tickets").json()["items"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"device_id": "d", "subject": ""},
        {"device_id": "d", "subject": "x" * 201},
        {"device_id": "d", "subject": "x", "colour": "red"},
        {"device_id": "d", "subject": "x", "description": "y" * 10_001},
    ],
)
def test_a_bad_request_is_refused(client_of, body: dict[str, Any]):
    assert client_of(Role.OWNER).post("/tickets", json=body).status_code == 422


def test_a_subject_of_control_characters_is_empty(world: CaseWorld, client_of):
    owner = client_of(Role.OWNER)
    answer = ask(owner, world.device(owner.viewer), subject="\x1b\x07")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "subject", "reason": "must not be empty"}]


def test_a_technician_does_not_open_tickets(world: CaseWorld, client_of):
    assert ask(client_of(Role.TECHNICIAN), world.device()).status_code == 403


def test_an_owner_may_close_reopen_and_judge_and_nothing_else(world: CaseWorld, client_of):
    owner = client_of(Role.OWNER)
    ticket = ask(owner, world.device(owner.viewer)).json()["id"]
    assert patch(owner, ticket, feedback="useful").json()["feedback"] == "useful"
    assert patch(owner, ticket, feedback="not_useful").json()["feedback"] == "not_useful"
    assert patch(owner, ticket, feedback=None).json()["feedback"] is None
    assert [e["feedback"] for e in world.payloads("TicketFeedbackGiven")] == [
        "useful",
        "not_useful",
        None,
    ]
    closed = patch(owner, ticket, state="closed").json()
    assert (closed["state"], closed["resolution"]) == ("closed", "withdrawn")
    assert patch(owner, ticket, state="in_progress").json()["state"] == "in_progress"
    for forbidden in (
        {"priority": "urgent"},
        {"assignee_id": None},
        {"state": "resolved"},
        {"due_at": "2026-03-09T12:00:00Z"},
        {"queue": "vip"},
        {"resolution": "repaired"},
    ):
        assert patch(owner, ticket, **forbidden).status_code == 403, forbidden


def test_feedback_is_the_owners(world: CaseWorld, client_of):
    owner, staff = client_of(Role.OWNER), client_of(Role.STAFF)
    ticket = ask(owner, world.device(owner.viewer)).json()["id"]
    assert patch(staff, ticket, feedback="useful").status_code == 403
    assert patch(client_of(Role.TECHNICIAN), ticket, state="closed").status_code == 403


def test_the_desk_changes_all_that_is_its_own(world: CaseWorld, client_of):
    owner, staff, admin = client_of(Role.OWNER), client_of(Role.STAFF), client_of(Role.ADMIN)
    ticket = ask(owner, world.device(owner.viewer)).json()["id"]
    later = (world.now + timedelta(days=2)).isoformat()
    changed = patch(
        staff,
        ticket,
        assignee_id=admin.viewer.user_id,
        priority="urgent",
        state="waiting",
        due_at=later,
        queue="spare parts",
    ).json()
    assert changed["assignee_id"] == admin.viewer.user_id
    assert (changed["priority"], changed["state"]) == ("urgent", "waiting")
    assert (changed["queue"], changed["delay_announced_at"] is not None) == ("spare parts", True)
    assert len(world.payloads("TicketDelayAnnounced")) == 1
    assert patch(staff, ticket, assignee_id=None).json()["assignee_id"] is None
    ended = patch(staff, ticket, state="closed", resolution="external_cause").json()
    assert (ended["state"], ended["resolution"]) == ("closed", "external_cause")
    assert world.tickets()[0].worked_on


def test_impossible_changes_say_why(world: CaseWorld, client_of):
    owner, staff = client_of(Role.OWNER), client_of(Role.STAFF)
    ticket = ask(owner, world.device(owner.viewer)).json()["id"]
    assert patch(staff, ticket, assignee_id=owner.viewer.user_id).status_code == 422
    assert patch(staff, ticket, assignee_id=10**9).status_code == 422
    assert patch(staff, ticket, due_at="2020-01-01T00:00:00Z").status_code == 422
    assert patch(staff, ticket, due_at="2027-01-01T00:00:00").status_code == 422
    assert patch(staff, ticket, state="closed").status_code == 200
    refused = patch(staff, ticket, state="waiting")
    assert refused.status_code == 409
    assert "possible: reopen" in refused.json()["detail"]


def test_the_list_is_filtered_and_paged(world: CaseWorld, client_of):
    owner, staff = client_of(Role.OWNER), client_of(Role.STAFF)
    devices = [world.device(owner.viewer) for _ in range(3)]
    ids = [ask(owner, device).json()["id"] for device in devices]
    patch(staff, ids[0], assignee_id=None)
    patch(staff, ids[1], state="closed")

    def listed(**params: Any) -> list[int]:
        return [row["id"] for row in staff.get("/tickets", params=params).json()["items"]]

    assert listed() == ids[::-1]
    assert listed(state="closed") == [ids[1]]
    assert listed(state=["closed", "new"], device=devices[0]) == [ids[0]]
    assert listed(assignee="nobody") == [ids[0]]
    assert listed(assignee="me") == listed(assignee=staff.viewer.user_id) == [ids[2], ids[1]]
    first = staff.get("/tickets", params={"limit": 2}).json()
    assert [row["id"] for row in first["items"]] == [ids[2], ids[1]]
    assert listed(limit=2, cursor=first["next_cursor"]) == [ids[0]]
    assert staff.get("/tickets", params={"assignee": "someone"}).status_code == 422


def test_nobody_without_signing_in(web_client: Callable[..., Any]):
    assert web_client(router).get("/tickets").status_code == 401
    assert web_client(router).post("/tickets", json={}).status_code == 401
