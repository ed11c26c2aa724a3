"""What the system says in a ticket's thread, and who may write and read there."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_service import JobAction, Outcome
from server.account.viewer import Role, Viewer
from server.conversation import english, service
from server.conversation.endpoints import router
from server.conversation.model import Message
from server.job import service as jobs
from server.job.service import Step
from server.ticket import service as tickets
from tests.server.incident.case_world import CaseWorld


def thread(world: CaseWorld, viewer: Viewer) -> list[Message]:
    with world.database.reading() as session:
        return list(service.thread(session, viewer, world.tickets()[-1].id))


def codes(world: CaseWorld, viewer: Viewer) -> list[str | None]:
    return [message.code for message in thread(world, viewer)]


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


def open_ticket(world: CaseWorld, owner: Viewer | None = None) -> int:
    world.find(world.device(owner), metrics=["cpu/load"])
    return world.tickets()[-1].id


def test_the_thread_tells_a_case_from_notice_to_goodbye(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    world.user(Role.STAFF, "Anna Nowak")
    technician, _ = world.user(Role.TECHNICIAN, "Tomasz Wrona")
    finding = world.find(world.device(owner))
    for action in (JobAction.START, JobAction.FINISH):
        more: dict[str, Any] = {}
        if action is JobAction.FINISH:
            more = {
                "verdict": Outcome.CONFIRMED,
                "component": "compressor",
                "work_done": "capacitor replaced",
            }
        with world.database.transaction() as session:
            step = Step(action=action, **more)
            jobs.transition(session, technician, world.jobs()[0].id, step, now=world.now)
        world.dispatcher.drain()
    world.end(finding)
    world.wait(minutes=15)
    said = thread(world, owner)
    assert [m.code for m in said] == [
        "noticed",
        "assigned",
        "visit_assigned",
        "visit_started",
        "visit_confirmed",
        "recovering",
        "closed",
    ]
    texts = [english.text_of(m) for m in said]
    assert texts[0].startswith("We have noticed something: The compressor draws 18 %")
    assert texts[1] == "Anna Nowak is responsible for this case now."
    assert texts[2].startswith("Tomasz Wrona will come; the visit is planned for 2026-03-02 01:00")
    assert texts[4].endswith("compressor, capacitor replaced.")
    assert "2026-03-01 12:15 UTC" in texts[5]
    assert not any("?" in text for text in texts)
    assert world.parked() == []


def test_a_request_begins_with_the_askers_words(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    device = world.device(owner)
    with world.database.transaction() as session:
        tickets.ask(
            session,
            owner,
            device_id=device,
            subject="It hums",
            description="Since this morning.\nLoudly.",
            now=world.now,
            settings=world.settings,
        )
    world.dispatcher.drain()
    first, second = thread(world, owner)
    assert (first.author_id, first.body) == (owner.user_id, "Since this morning.\nLoudly.")
    assert second.code == "heard"


def test_a_delay_and_its_escalation_are_said(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    open_ticket(world, owner)
    world.wait(hours=18)
    assert codes(world, owner) == ["noticed", "delayed", "escalated"]
    delayed = english.text_of(thread(world, owner)[1])
    assert "not 2026-03-02 12:00 UTC but 2026-03-03 12:00 UTC" in delayed


def test_relapse_and_calling_off_are_said(world: CaseWorld):
    staff, _ = world.user(Role.STAFF)
    device = world.device()
    world.end(world.find(device))
    with world.database.transaction() as session:
        cancel = Step(action=JobAction.CANCEL)
        jobs.transition(session, staff, world.jobs()[0].id, cancel, now=world.now)
        closing = tickets.Changes(state=tickets.TicketState.CLOSED)
        tickets.change(session, staff, world.tickets()[0].id, closing, now=world.now)
    world.dispatcher.drain()
    world.wait(minutes=5)
    world.find(device, metrics=["compressor/current"], kind="spike")
    assert codes(world, staff)[-3:] == ["visit_cancelled", "closed", "relapsed"]


def test_owner_and_desk_write_to_each_other(world: CaseWorld, client_of):
    owner, staff = client_of(Role.OWNER), client_of(Role.STAFF)
    path = f"/tickets/{open_ticket(world, owner.viewer)}/messages"
    assert owner.post(path, json={"body": "Is it bad?\x1b[2J"}).json()["text"] == "Is it bad?[2J"
    assert staff.post(path, json={"body": "No."}).status_code == 201
    staff.post(path, json={"body": "Fan again", "visible_to_owner": False})
    seen = [row["text"] for row in owner.get(path).json()["items"] if row["code"] is None]
    assert seen == ["Is it bad?[2J", "No."]
    known = [row["text"] for row in staff.get(path).json()["items"] if row["code"] is None]
    assert known[-1] == "Fan again"
    assert world.tickets()[0].worked_on
    assert owner.post(path, json={"body": "x", "visible_to_owner": False}).status_code == 422
    page = owner.get(path, params={"limit": 1}).json()
    rest = owner.get(path, params={"cursor": page["next_cursor"]}).json()
    assert len(rest["items"]) == len(owner.get(path).json()["items"]) - 1


def test_a_message_sent_twice_is_posted_once(world: CaseWorld, client_of):
    owner, other = client_of(Role.OWNER), client_of(Role.STAFF)
    path = f"/tickets/{open_ticket(world, owner.viewer)}/messages"
    message = {"body": "Hello", "client_id": "m1"}
    first, second = owner.post(path, json=message), owner.post(path, json=message)
    assert first.json()["id"] == second.json()["id"]
    assert other.post(path, json=message).json()["id"] != first.json()["id"]


def test_foreign_threads_do_not_exist(world: CaseWorld, client_of, web_client):
    path = f"/tickets/{open_ticket(world)}/messages"
    stranger = client_of(Role.OWNER)
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, json={"body": "x"}).status_code == 404
    assert web_client(router).get(path).status_code == 401


@pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": " \n"}, {"body": "x" * 10_001}])
def test_a_bad_message_is_refused(world: CaseWorld, client_of, body: dict[str, str]):
    path = f"/tickets/{open_ticket(world)}/messages"
    assert client_of(Role.STAFF).post(path, json=body).status_code == 422


values = st.one_of(st.text(), st.integers(0, 10**10), st.floats(0, 4e9), st.none())


@given(
    st.sampled_from(sorted(english.SYSTEM_TEXTS)),
    st.dictionaries(st.sampled_from(["name", "due_s", "queue", "component", "{x}"]), values),
)
def test_any_parameters_make_a_sentence(code: str, params: dict[str, Any]):
    message = Message(code=code, params=params)
    assert english.text_of(message)


def test_every_verdict_has_its_words():
    assert {f"visit_{outcome}" for outcome in Outcome} <= set(english.SYSTEM_TEXTS)


def test_a_code_of_a_later_version_is_shown_as_it_is():
    assert english.text_of(Message(code="moonrise", params={})) == "moonrise"


def test_times_are_said_in_utc(world: CaseWorld):
    at = (world.now + timedelta(hours=1)).timestamp()
    assert english.fill("{at_s}", {"at_s": at}) == "2026-03-01 13:00 UTC"
