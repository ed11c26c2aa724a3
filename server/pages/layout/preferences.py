"""Language and colours, kept in cookies so that they hold before signing in, too.

The language of a signed-in person is also noted on the account: messages to him are written in it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse

from server.account import service as accounts
from server.account.dependencies import OptionalViewer
from server.kit.web import Writing
from server.pages.language.reader import LANGUAGE_COOKIE, LANGUAGES, THEME_COOKIE, THEMES
from server.pages.layout.forms import CSRF, local_path, see
from server.pages.layout.rendering import is_https

router = APIRouter(dependencies=[CSRF], include_in_schema=False)

YEAR_S = 365 * 86_400


@router.post("/preferences")
def set_preferences(
    request: Request,
    viewer: OptionalViewer,
    session: Writing,
    *,
    next_path: Annotated[str, Form(alias="next")] = "/",
    language: Annotated[str | None, Form()] = None,
    theme: Annotated[str | None, Form()] = None,
) -> RedirectResponse:
    if viewer is not None and language in LANGUAGES:
        accounts.set_language(session, viewer.user_id, language)
    response = see(local_path(next_path))
    for name, value, known in (
        (LANGUAGE_COOKIE, language, tuple(LANGUAGES)),
        (THEME_COOKIE, theme, THEMES),
    ):
        if value in known:
            response.set_cookie(
                name, value, max_age=YEAR_S, samesite="lax", secure=is_https(request), httponly=True
            )
    return response
