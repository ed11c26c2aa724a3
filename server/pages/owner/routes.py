"""Pages of an owner. Everything here goes through the features' own `visible…`: his own, or 404."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from server.account.dependencies import CurrentViewer, require
from server.account.viewer import DESK, Role, Viewer
from server.conversation import service as conversation
from server.detection import repository as detection
from server.device import service as devices
from server.incident import repository as incidents
from server.job import repository as jobs
from server.kit.clock import from_unix
from server.kit.errors import BadInput
from server.kit.paging import Cursor, RowId, decode_int_cursor, next_cursor
from server.kit.web import AppSettings, Now, Reading, Writing
from server.pages.case_views import case_views, ranked
from server.pages.layout.charts import RANGES_S, Telemetry, charts
from server.pages.layout.forms import CSRF, see
from server.pages.layout.rendering import page, reader
from server.pages.owner.views import device_views, home_view
from server.pages.wording.forecasts import soonest, told_of
from server.ticket import service as tickets
from server.ticket.answers import four_answers
from server.ticket.service import Changes
from server.ticket.states import ENDED, UNFINISHED, Feedback, TicketState

router = APIRouter(dependencies=[CSRF], include_in_schema=False)

Owner = Annotated[Viewer, Depends(require(Role.OWNER))]
MAX_RUNNING = 200
PAGE = 30

_START = {
    Role.TECHNICIAN: "/jobs",
    Role.STAFF: "/staff/queue",
    Role.ADMIN: "/staff/queue",
}


@router.get("/")
def home(request: Request, viewer: CurrentViewer, session: Reading) -> Response:
    """The owner's home; everyone else is led to his own start."""
    if viewer.role in _START:
        return see(_START[viewer.role])
    view = home_view(session, viewer, reader(request, viewer))
    return page(request, "owner/home.html", user=viewer, view=view)


@router.get("/devices/{device_id}")
def device(
    request: Request,
    viewer: CurrentViewer,
    session: Reading,
    store: Telemetry,
    now: Now,
    *,
    device_id: str,
    span: Annotated[str, Query(alias="range", pattern="^(24h|7d)$")] = "24h",
) -> Response:
    if viewer.role in DESK:
        return see(f"/staff/devices/{device_id}")
    shown = devices.visible_device(session, viewer, device_id)
    to_s = now.timestamp()
    from_s = to_s - RANGES_S[span]
    found = detection.findings_of(session, device_id, since=from_unix(from_s), until=now)
    [view] = device_views(session, reader(request, viewer), [shown])
    return page(
        request,
        "owner/device.html",
        user=viewer,
        view=view,
        span=span,
        from_s=from_s,
        to_s=to_s,
        charts=charts(
            store,
            device_id,
            from_s=from_s,
            to_s=to_s,
            first={str(m) for f in found if f.ended_at is None for m in f.metrics},
        ),
        bands=[
            {
                "from": f.onset_at.timestamp(),
                "to": f.ended_at.timestamp() if f.ended_at else None,
                "metrics": f.metrics,
            }
            for f in found
        ],
    )


@router.get("/cases")
def cases(request: Request, viewer: Owner, session: Reading, cursor: Cursor = None) -> Response:
    """What runs, all of it; what has ended, a page at a time."""
    before_id = decode_int_cursor(cursor)
    running = tickets.tickets(session, viewer, states=UNFINISHED, limit=MAX_RUNNING)
    rows = tickets.tickets(session, viewer, states=ENDED, before_id=before_id, limit=PAGE + 1)
    ended = rows[:PAGE]
    return page(
        request,
        "owner/cases.html",
        user=viewer,
        running=case_views(session, running),
        ended=case_views(session, ended),
        older=next_cursor(rows, PAGE, ended[-1].id if ended else None),
    )


@router.get("/cases/{ticket_id}")
def case(
    request: Request, viewer: Owner, session: Reading, settings: AppSettings, ticket_id: RowId
) -> Response:
    return _case(request, viewer, session, settings, ticket_id)


@router.post("/cases/{ticket_id}/messages")
def write(
    request: Request,
    viewer: Owner,
    session: Writing,
    settings: AppSettings,
    now: Now,
    *,
    ticket_id: RowId,
    body: Annotated[str, Form()] = "",
) -> Response:
    try:
        conversation.post(session, viewer, ticket_id, body, now=now)
    except BadInput:
        return _case(request, viewer, session, settings, ticket_id, body=body, status=422)
    return see(f"/cases/{ticket_id}#thread", "sent")


@router.post("/cases/{ticket_id}/feedback")
def feedback(
    viewer: Owner, session: Writing, now: Now, *, ticket_id: RowId, thumb: Annotated[str, Form()]
) -> Response:
    """The same thumb again takes it back."""
    ticket = tickets.visible(session, viewer, ticket_id)
    given = Feedback(thumb) if thumb in set(Feedback) else None
    changed = None if given is ticket.feedback else given
    tickets.change(session, viewer, ticket_id, Changes(rate=True, feedback=changed), now=now)
    return see(f"/cases/{ticket_id}#feedback", "feedback" if changed else None)


@router.post("/cases/{ticket_id}/state")
def change_state(
    viewer: Owner, session: Writing, now: Now, *, ticket_id: RowId, wish: Annotated[str, Form()]
) -> Response:
    target = TicketState.CLOSED if wish == "close" else TicketState.IN_PROGRESS
    tickets.change(session, viewer, ticket_id, Changes(state=target), now=now)
    return see(f"/cases/{ticket_id}")


@router.get("/help")
def help_form(
    request: Request,
    viewer: Owner,
    session: Reading,
    device: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    return _help(request, viewer, session, device_id=device)


@router.post("/help")
def ask(
    request: Request,
    viewer: Owner,
    session: Writing,
    settings: AppSettings,
    now: Now,
    *,
    device_id: Annotated[str, Form(alias="device")] = "",
    subject: Annotated[str, Form()] = "",
    description: Annotated[str, Form()] = "",
) -> Response:
    try:
        ticket = tickets.ask(
            session,
            viewer,
            device_id=device_id,
            subject=subject,
            description=description,
            now=now,
            settings=settings,
        )
    except BadInput as error:
        return _help(
            request,
            viewer,
            session,
            device_id=device_id,
            subject=subject,
            description=description,
            wrong=error.field,
            status=422,
        )
    return see(f"/cases/{ticket.id}")


def _help(
    request: Request,
    viewer: Viewer,
    session: Reading,
    *,
    device_id: str = "",
    subject: str = "",
    description: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    return page(
        request,
        "owner/help.html",
        user=viewer,
        status=status,
        devices=devices.visible_devices(session, viewer),
        device_id=device_id,
        subject=subject,
        description=description,
        wrong=wrong,
    )


def _case(
    request: Request,
    viewer: Viewer,
    session: Reading,
    settings: AppSettings,
    ticket_id: RowId,
    *,
    body: str | None = None,
    status: int = 200,
) -> Response:
    ticket = tickets.visible(session, viewer, ticket_id)
    [view] = case_views(session, [ticket])
    members = incidents.members(session, ticket.incident_id) if ticket.incident_id else []
    return page(
        request,
        "owner/case.html",
        user=viewer,
        status=status,
        view=view,
        ticket=ticket,
        ended=ticket.state in ENDED,
        answers=four_answers(session, ticket, settings),
        foreseen=soonest(told_of(ranked(finding for _, finding in members))),
        thread=conversation.thread(session, viewer, ticket_id),
        visit=jobs.unfinished_of_ticket(session, ticket_id),
        body=body,
    )
