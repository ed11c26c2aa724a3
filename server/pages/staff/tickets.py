"""`/staff/tickets/…`: everything about one case, and everything to be done about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from server.account import repository as accounts
from server.account.dependencies import DeskViewer
from server.account.viewer import DESK, Viewer
from server.conversation import service as conversation
from server.incident import repository as incidents
from server.job import opening
from server.job import repository as jobs
from server.job.precedents import precedents
from server.kit.errors import BadInput, Conflict
from server.kit.paging import RowId
from server.kit.web import AppSettings, Now, Reading, Writing
from server.pages.case_views import case_views, ranked
from server.pages.layout.forms import see
from server.pages.layout.rendering import page
from server.ticket import service as tickets
from server.ticket.answers import four_answers
from server.ticket.service import Changes
from server.ticket.states import ENDED, TICKET_LIFE_CYCLE, Priority, Resolution, TicketState

router = APIRouter(prefix="/tickets")

NOBODY = ""


@router.get("/{ticket_id}")
def show(
    request: Request, viewer: DeskViewer, session: Reading, settings: AppSettings, ticket_id: RowId
) -> Response:
    return _ticket(request, viewer, session, settings, ticket_id)


@router.post("/{ticket_id}/assign")
def assign(
    viewer: DeskViewer,
    session: Writing,
    now: Now,
    *,
    ticket_id: RowId,
    assignee: Annotated[str, Form(max_length=20)] = NOBODY,
    back: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """`assignee`: a user's id, "me", or nothing for back into the queue."""
    user_id = viewer.user_id if assignee == "me" else int(assignee) if assignee.isdigit() else None
    tickets.change(session, viewer, ticket_id, Changes(assign=True, assignee_id=user_id), now=now)
    return see("/staff/queue" if back == "queue" else f"/staff/tickets/{ticket_id}", "assigned")


@router.post("/{ticket_id}/priority")
def set_priority(
    viewer: DeskViewer,
    session: Writing,
    now: Now,
    *,
    ticket_id: RowId,
    priority: Annotated[Priority, Form()],
) -> Response:
    tickets.change(session, viewer, ticket_id, Changes(priority=priority), now=now)
    return see(f"/staff/tickets/{ticket_id}", "changed")


@router.post("/{ticket_id}/state")
def set_state(
    viewer: DeskViewer,
    session: Writing,
    now: Now,
    *,
    ticket_id: RowId,
    state: Annotated[TicketState, Form()],
    resolution: Annotated[Resolution | None, Form()] = None,
) -> Response:
    tickets.change(session, viewer, ticket_id, Changes(state=state, resolution=resolution), now=now)
    return see(f"/staff/tickets/{ticket_id}", "changed")


@router.post("/{ticket_id}/messages")
def write(
    request: Request,
    viewer: DeskViewer,
    session: Writing,
    settings: AppSettings,
    now: Now,
    *,
    ticket_id: RowId,
    body: Annotated[str, Form()] = "",
    internal: Annotated[bool, Form()] = False,
) -> Response:
    try:
        conversation.post(session, viewer, ticket_id, body, visible_to_owner=not internal, now=now)
    except BadInput:
        return _ticket(request, viewer, session, settings, ticket_id, body=body)
    return see(f"/staff/tickets/{ticket_id}#thread", "sent")


@router.post("/{ticket_id}/job")
def call_technician(viewer: DeskViewer, session: Writing, now: Now, ticket_id: RowId) -> Response:
    """A visit for this ticket, with what its case suggests to bring."""
    ticket = tickets.visible(session, viewer, ticket_id)
    if jobs.unfinished_of_ticket(session, ticket_id) is not None:
        raise Conflict("a visit is under way already")
    [view] = case_views(session, [ticket])
    kind = view.finding.kind if view.finding else ""
    metrics = list(map(str, view.finding.metrics)) if view.finding else []
    job = opening.open_job(session, ticket, kind=kind, metrics=metrics, now=now)
    return see(f"/staff/jobs/{job.id}")


def _ticket(
    request: Request,
    viewer: Viewer,
    session: Reading,
    settings: AppSettings,
    ticket_id: RowId,
    *,
    body: str | None = None,
) -> Response:
    ticket = tickets.visible(session, viewer, ticket_id)
    [view] = case_views(session, [ticket])
    members = incidents.members(session, ticket.incident_id) if ticket.incident_id else []
    thread = conversation.thread(session, viewer, ticket_id)
    authors = {m.author_id for m in thread if m.author_id}
    people = accounts.users_by_ids(session, authors | {i for i in (ticket.owner_id,) if i})
    return page(
        request,
        "staff/ticket.html",
        user=viewer,
        status=200 if body is None else 422,
        view=view,
        ticket=ticket,
        ended=ticket.state in ENDED,
        findings=ranked(finding for _, finding in members),
        precedents=precedents(session, view.incident) if view.incident else [],
        answers=four_answers(session, ticket, settings),
        thread=thread,
        people=people,
        desk=accounts.users(session, roles=DESK),
        jobs=jobs.jobs_of_ticket(session, ticket_id),
        visit=jobs.unfinished_of_ticket(session, ticket_id),
        actions=set(TICKET_LIFE_CYCLE.actions(ticket.state)),
        body=body,
    )
