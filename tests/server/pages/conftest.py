"""A server with pages on a free port of this machine, people of each role, cases, and a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.server.pages.site import PASSWORD, Site, build_site, serving

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


@pytest.fixture(scope="session")
def cookies(site: Site, chromium: Browser) -> Callable[[str], list[Any]]:
    """Signs a person in through the form once; the cookies are used again by later pages."""
    known: dict[str, list[Any]] = {}

    def of(person: str) -> list[Any]:
        if person not in known:
            context = chromium.new_context()
            page = context.new_page()
            page.goto(f"{site.url}/sign-in")
            page.get_by_label("E-mail").fill(f"{person}@example.com")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(lambda url: "/sign-in" not in url)
            known[person] = list(context.cookies())
            context.close()
        return known[person]

    return of


@pytest.fixture
def browse(
    site: Site, chromium: Browser, cookies: Callable[[str], list[Any]]
) -> Iterator[Callable[..., Page]]:
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
            base_url=site.url,
            **more,
        )
        contexts.append(context)
        if as_:
            context.add_cookies(cookies(as_))
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
