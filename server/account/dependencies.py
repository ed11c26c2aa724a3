"""What endpoints ask for: `CurrentViewer`, or `require(Role.STAFF, …)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from server.account import service
from server.account.csrf import CSRF_HEADER, check_csrf
from server.account.limiter import SignInLimiter
from server.account.viewer import Role, Viewer
from server.kit.errors import Forbidden, NotSignedIn
from server.kit.web import Context, WebContext

SESSION_COOKIE = "forewarn_session"

_bearer = HTTPBearer(auto_error=False, description="an API token: `forewarn token create`")
_cookie = APIKeyCookie(name=SESSION_COOKIE, auto_error=False)


def optional_viewer(
    request: Request,
    web: Context,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    session_token: Annotated[str | None, Depends(_cookie)],
) -> Viewer | None:
    """Who is asking, or None; a bearer token counts before a cookie.

    Raises NotSignedIn for a bearer token that opens nothing (a program should learn of it), Forbidden
    for a session's unsafe request to the API without proof (see `csrf`). Pages check their own forms.
    """
    if bearer is not None:
        return _by_api_token(web, bearer.credentials)
    if not session_token:
        return None
    viewer = _by_session(web, session_token)
    if viewer is not None and request.url.path.startswith("/api/"):
        check_csrf(
            method=request.method,
            session_token=session_token,
            proof=request.headers.get(CSRF_HEADER),
            sec_fetch_site=request.headers.get("Sec-Fetch-Site"),
        )
    return viewer


def current_viewer(viewer: Annotated[Viewer | None, Depends(optional_viewer)]) -> Viewer:
    if viewer is None:
        raise NotSignedIn("sign in first")
    return viewer


OptionalViewer = Annotated[Viewer | None, Depends(optional_viewer)]
CurrentViewer = Annotated[Viewer, Depends(current_viewer)]


def require(*roles: Role) -> Callable[[Viewer], Viewer]:
    """A dependency that lets only `roles` pass: `viewer: Annotated[Viewer, Depends(require(…))]`."""
    allowed = frozenset(roles)

    def check(viewer: CurrentViewer) -> Viewer:
        if viewer.role not in allowed:
            raise Forbidden("your role does not allow this")
        return viewer

    return check


DeskViewer = Annotated[Viewer, Depends(require(Role.STAFF, Role.ADMIN))]


def sign_in_limiter(request: Request) -> SignInLimiter:
    return cast("SignInLimiter", request.app.state.sign_in_limiter)


Limiter = Annotated[SignInLimiter, Depends(sign_in_limiter)]


def _by_api_token(web: WebContext, token: str) -> Viewer:
    now = web.clock.now()
    with web.database.reading() as session:
        found = service.viewer_for_api_token(session, token, now=now)
    if found is None:
        raise NotSignedIn("the token is unknown or revoked")
    viewer, stale_id = found
    if stale_id is not None:
        with web.database.transaction() as session:
            service.touch_api_token(session, stale_id, now=now)
    return viewer


def _by_session(web: WebContext, token: str) -> Viewer | None:
    now = web.clock.now()
    with web.database.reading() as session:
        found = service.viewer_for_session_token(session, token, now=now)
    if found is None:
        return None
    viewer, stale = found
    if stale:
        with web.database.transaction() as session:
            service.touch_session(session, token, now=now)
    return viewer
