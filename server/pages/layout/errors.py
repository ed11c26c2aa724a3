"""Errors of pages, in the reader's language; the API answers the same errors as problem documents."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from server.kit import problems
from server.kit.errors import ForewarnError, NotSignedIn, TooManyRequests
from server.pages.language.translations import N_, translations
from server.pages.layout.forms import see
from server.pages.layout.rendering import page, reader

log = logging.getLogger(__name__)


_TEXTS: dict[int, tuple[str, str]] = {
    400: (
        N_("This did not work"),
        N_("The request could not be understood. Go back and try again."),
    ),
    401: (N_("Please sign in"), N_("This page is only for people who have signed in.")),
    403: (N_("This is not open to you"), N_("Your account may not do this.")),
    404: (
        N_("There is nothing here"),
        N_("The page does not exist, or it belongs to someone else."),
    ),
    405: (
        N_("This did not work"),
        N_("The request could not be understood. Go back and try again."),
    ),
    409: (
        N_("That is not possible now"),
        N_("Things have changed since you opened the page. Open it again and see how they stand."),
    ),
    422: (N_("Something in the form is not right"), N_("Go back, correct it and send it again.")),
    429: (N_("Too many tries"), N_("Please wait a few minutes and try again.")),
    500: (
        N_("Something went wrong on our side"),
        N_("It has been noted, and nothing you sent before is lost. Please try again in a moment."),
    ),
}


def error_page(request: Request, status: int, detail: str = "") -> Response:
    """The page for `status`; `detail` is shown below it as it is."""
    title, text = _TEXTS.get(status, _TEXTS[500 if status >= 500 else 400])
    catalogue = translations(reader(request).language)
    return page(
        request,
        "layout/error.html",
        status=status,
        title=catalogue.gettext(title),
        text=catalogue.gettext(text),
        detail=detail,
    )


def install_error_handlers(app: FastAPI) -> None:
    """One handler per kind of error; paths under /api answer in JSON, all others with a page."""
    app.add_exception_handler(ForewarnError, _on_forewarn)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)


def _on_forewarn(request: Request, error: Exception) -> Response:
    assert isinstance(error, ForewarnError)
    if problems.wants_problem(request):
        return problems.from_forewarn(error)
    if isinstance(error, NotSignedIn) and request.method == "GET":
        return see(f"/sign-in?next={quote(request.url.path, safe='/')}")
    # 404 says nothing more, so that it can't tell whether a thing exists.
    detail = "" if error.status in {HTTPStatus.NOT_FOUND, 500} else error.message
    response = error_page(request, error.status, detail)
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return response


def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if problems.wants_problem(request):
        return problems.from_validation(error)
    at_path = any(part["loc"][:1] == ("path",) for part in error.errors())
    return error_page(request, HTTPStatus.NOT_FOUND if at_path else 422)


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if problems.wants_problem(request):
        return problems.from_http(error)
    return error_page(request, error.status_code)


def _on_bug(request: Request, error: Exception) -> Response:
    log.error("request %s %s failed", request.method, request.url.path, exc_info=error)
    if problems.wants_problem(request):
        return problems.problem(500, ForewarnError.title, "the server's log says more")
    return error_page(request, 500)
