"""Sign-in by e-mail and password; the session itself is the account feature's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from server.account import service
from server.account.dependencies import SESSION_COOKIE, Limiter, OptionalViewer
from server.account.service import SESSION_LIFETIME
from server.kit.errors import NotSignedIn, TooManyRequests
from server.kit.web import Context, Writing
from server.pages.language.formatting import duration
from server.pages.language.translations import translations
from server.pages.layout.forms import CSRF, local_path, see
from server.pages.layout.rendering import is_https, page, reader

router = APIRouter(dependencies=[CSRF], include_in_schema=False)


@router.get("/sign-in")
def show(
    request: Request,
    viewer: OptionalViewer,
    next: str = "/",  # noqa: A002 - the query's name
) -> Response:
    if viewer is not None:
        return see(local_path(next))
    return _form(request, next_path=next)


@router.post("/sign-in")
def sign_in(
    request: Request,
    web: Context,
    limiter: Limiter,
    *,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next_path: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    catalogue = translations(reader(request).language)
    try:
        token = service.sign_in(
            web.database,
            limiter,
            email,
            password,
            client_address=request.client.host if request.client else "",
            user_agent=request.headers.get("user-agent", ""),
            now=web.clock.now(),
        )
    except NotSignedIn:
        text = catalogue.gettext("The e-mail address or the password is not right.")
        return _form(request, error=text, email=email, next_path=next_path, status=401)
    except TooManyRequests as error:
        text = catalogue.gettext("Too many tries. Please try again in %(time)s.") % {
            "time": duration(reader(request), max(60, error.retry_after_s))
        }
        response = _form(request, error=text, email=email, next_path=next_path, status=429)
        response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
        return response
    answer = see(local_path(next_path))
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )
    return answer


@router.post("/sign-out")
def sign_out(request: Request, session: Writing) -> Response:
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        service.sign_out(session, token)
    answer = see("/sign-in")
    answer.delete_cookie(SESSION_COOKIE)
    return answer


def _form(
    request: Request, *, error: str = "", email: str = "", next_path: str = "/", status: int = 200
) -> Response:
    return page(
        request,
        "sign_in/sign_in.html",
        status=status,
        error=error,
        email=email[:254],
        next_path=local_path(next_path),
    )
