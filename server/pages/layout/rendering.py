"""Templates to HTML: one Jinja environment, strict about names, with the reader's language and formats."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from server.account.viewer import Viewer
from server.kit.web import context as web_context
from server.pages.language import formatting
from server.pages.language.reader import CSRF_COOKIE, LANGUAGES, Reader, reader_of
from server.pages.language.translations import translations
from server.pages.layout.assets import Assets
from server.pages.layout.flash import COOKIE as SAID_COOKIE
from server.pages.layout.flash import flash_of
from server.pages.wording.say import Say

FOLDERS = ("layout", "sign_in", "owner", "technician", "staff", "styleguide")
_PAGES = Path(__file__).resolve().parent.parent

# Set only while a template runs: filters and gettext need the reader, also inside imported macros,
# which Jinja runs without the page's context.
_reader: ContextVar[Reader] = ContextVar("reader")


class Pages:
    """Lives at `app.state.pages`."""

    def __init__(self, *, development: bool) -> None:
        self.assets = Assets()
        self.development = development
        self.environment = build_environment(self.assets, reload=development)

    def html(self, reader: Reader, template: str, **values: Any) -> str:
        """`template` ("owner/home.html") as seen by `reader`."""
        token = _reader.set(reader)
        try:
            return self.environment.get_template(template).render(
                reader=reader, development=self.development, **values
            )
        finally:
            _reader.reset(token)


def build_environment(assets: Assets, *, reload: bool) -> Environment:
    environment = Environment(
        loader=PrefixLoader({f: FileSystemLoader(_PAGES / f / "templates") for f in FOLDERS}),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=reload,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    installed = cast("Any", environment)  # the i18n extension adds this method at run time
    installed.install_gettext_callables(
        gettext=lambda message: translations(_reader.get().language).gettext(message),
        ngettext=lambda one, many, n: translations(_reader.get().language).ngettext(one, many, n),
        newstyle=True,
    )
    environment.globals["asset"] = assets.url
    environment.globals["languages"] = LANGUAGES
    environment.globals["say"] = Say(_reader.get)
    for name in ("number", "reading", "duration", "day", "clock_time", "chart_scale"):
        environment.filters[name] = _for_reader(getattr(formatting, name))
    environment.filters["ago_if_old"] = _for_reader(formatting.age)
    for name, form in (
        ("ago", formatting.relative),
        ("moment", formatting.day_and_time),
        ("clock", formatting.clock_time),
    ):
        environment.filters[name] = _for_reader(partial(formatting.time_element, form))
    return environment


def _for_reader(function: Any) -> Any:
    return lambda *arguments, **options: function(_reader.get(), *arguments, **options)


def reader(request: Request, user: Viewer | None = None) -> Reader:
    """The reader of this request; `user` when the caller knows who signed in."""
    known = user or getattr(request.state, "user", None)
    return reader_of(request, now=web_context(request).clock.now(), user=known)


def page(
    request: Request,
    template: str,
    *,
    user: Viewer | None = None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Answer with a rendered page, never cached by anyone but the reader's own back button."""
    seen_by = reader(request, user)
    pages = cast("Pages", request.app.state.pages)
    flash = flash_of(request, seen_by.language)
    html = pages.html(seen_by, template, request=request, status=status, flash=flash, **values)
    response = HTMLResponse(html, status, headers={"Cache-Control": "private, no-cache"})
    if flash is not None:
        response.delete_cookie(SAID_COOKIE)
    if request.cookies.get(CSRF_COOKIE) != seen_by.csrf:
        response.set_cookie(
            CSRF_COOKIE,
            seen_by.csrf,
            max_age=30 * 86_400,
            httponly=True,
            samesite="lax",
            secure=is_https(request),
        )
    return response


def is_https(request: Request) -> bool:
    """Whether people reach us by https, perhaps through a proxy that ends it."""
    public = web_context(request).settings.public_url or ""
    return request.url.scheme == "https" or public.startswith("https://")
