"""`/staff/people`: accounts, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from server.account import repository, service
from server.account.dependencies import require
from server.account.viewer import Role, Viewer
from server.kit.errors import BadInput, Conflict
from server.kit.paging import RowId
from server.kit.web import Now, Reading, Writing
from server.pages.layout.forms import see
from server.pages.layout.rendering import page

router = APIRouter(prefix="/people")

SHOWN = 200

Admin = Annotated[Viewer, Depends(require(Role.ADMIN))]


@router.get("")
def listing(
    request: Request,
    viewer: Admin,
    session: Reading,
    q: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    return _people(request, viewer, session, q=q)


@router.post("")
def add(
    request: Request,
    viewer: Admin,
    session: Writing,
    now: Now,
    *,
    email: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    role: Annotated[Role, Form()] = Role.OWNER,
    password: Annotated[str, Form()] = "",
) -> Response:
    try:
        service.add_user(session, email=email, name=name, role=role, password=password, now=now)
    except BadInput as error:
        form = {"email": email, "name": name, "role": role}
        return _people(request, viewer, session, form=form, wrong=error.field)
    except Conflict:
        form = {"email": email, "name": name, "role": role}
        return _people(request, viewer, session, form=form, wrong="taken")
    return see("/staff/people", "account_added")


@router.post("/{user_id}/disable")
def disable(viewer: Admin, session: Writing, now: Now, user_id: RowId) -> Response:
    if user_id == viewer.user_id:
        raise Conflict("you can't shut your own account")
    service.disable_user(session, user_id, now=now)
    return see("/staff/people", "account_shut")


def _people(
    request: Request,
    viewer: Viewer,
    session: Reading,
    *,
    form: dict[str, str] | None = None,
    wrong: str = "",
    q: str = "",
) -> Response:
    everyone = repository.users(session, disabled=True)
    wanted = q.casefold()
    found = [u for u in everyone if wanted in f"{u.name} {u.email}".casefold()]
    return page(
        request,
        "staff/people.html",
        user=viewer,
        status=422 if wrong else 200,
        users=found[:SHOWN],
        more=len(found) > SHOWN,
        q=q,
        form=form or {"email": "", "name": "", "role": Role.OWNER},
        wrong=wrong,
    )
