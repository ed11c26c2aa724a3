"""A server with pages on a free port of this machine, people of each role, cases, and a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from server.account.dependencies import SESSION_COOKIE
from tests.server.pages.site import Site, build_site, serving
from tests.server.pages.visitor import Visitor

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(build_site(tmp_path_factory.mktemp("pages"))) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def browse(site: Site, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """`browse("/path", as_="owner", scheme="dark", width=390)` → the page, opened.

    A script error or a refusal by the content security policy fails the test.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note(message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            complaints.append(message.text)

    def open_(
        path: str, *, as_: str | None = None, scheme: str = "light", width: int = 1280, **more: Any
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 844 if width < 700 else 900},
            color_scheme=scheme,
            reduced_motion="reduce",  # colours that still fade are no colours to judge
            base_url=site.url,
            **more,
        )
        contexts.append(context)
        if as_:
            cookie = {"name": SESSION_COOKIE, "value": site.session_of(as_), "url": site.url}
            context.add_cookies([cookie])
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def known(site: Site) -> SimpleNamespace:
    """Ids of what the site holds: `owner_ticket`, `asked_ticket`, `foreign_ticket`, `job`, …"""
    return site.known


@pytest.fixture
def visit(site: Site) -> Iterator[Callable[..., Visitor]]:
    """`visit("owner")`: a signed-in visitor without scripts; `visit()`: a stranger."""
    visitors: list[Visitor] = []

    def as_(person: str | None = None, **headers: str) -> Visitor:
        visitor = Visitor(site.url, **headers)
        visitors.append(visitor)
        if person:
            visitor.http.cookies.set(SESSION_COOKIE, site.session_of(person))
        return visitor

    yield as_
    for visitor in visitors:
        visitor.close()
