"""A server with pages on a free port of this machine, people of each role, and a real browser."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from server.account import service as accounts
from server.account.limiter import SignInLimiter
from server.account.viewer import Role
from server.kit.clock import SystemClock
from server.kit.database import Base, Database
from server.kit.settings import Settings
from server.kit.web import WebContext
from server.migrations.models import import_all
from server.pages.setup import install_pages

PASSWORD = "correct horse battery"
PEOPLE = {
    "owner@example.com": ("Olga Owner", Role.OWNER),
    "other@example.com": ("Otto Other", Role.OWNER),
    "technician@example.com": ("Tomasz Wrona", Role.TECHNICIAN),
    "staff@example.com": ("Anna Nowak", Role.STAFF),
    "admin@example.com": ("Ada Admin", Role.ADMIN),
}
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
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """`url`, `app`, `database` of a running server with people in it."""
    folder = tmp_path_factory.mktemp("pages")
    app, database = make_app(folder)
    with database.transaction() as session:
        for email, (name, role) in PEOPLE.items():
            accounts.add_user(
                session,
                email=email,
                name=name,
                role=role,
                password=PASSWORD,
                now=datetime.now(UTC) - timedelta(days=30),
            )
    with serving(app) as url:
        yield SimpleNamespace(url=url, app=app, database=database)
    database.close()


def make_app(folder: Path) -> tuple[FastAPI, Database]:
    settings = Settings(data_dir=folder, development=True)
    database = Database.at(folder / "records.sqlite3")
    import_all()
    Base.metadata.create_all(database.engine)
    app = FastAPI()
    app.state.web = WebContext(database, SystemClock(), settings, after_commit=lambda: None)
    app.state.sign_in_limiter = SignInLimiter()
    install_pages(app, settings)
    return app, database


class serving:  # noqa: N801 - reads as a verb
    """Runs `app` by uvicorn in a thread for as long as the block lasts."""

    def __init__(self, app: FastAPI) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> str:
        self._thread.start()
        hang_guard = time.monotonic() + 30
        while not self._server.started and time.monotonic() < hang_guard:
            time.sleep(0.02)
        assert self._server.started
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def cookies(site: SimpleNamespace, chromium: Browser) -> Callable[[str], list[Any]]:
    """Signs a person in through the form once; the cookies are used again by later pages."""
    known: dict[str, list[Any]] = {}

    def of(email: str) -> list[Any]:
        if email not in known:
            context = chromium.new_context()
            page = context.new_page()
            page.goto(f"{site.url}/sign-in")
            page.get_by_label("E-mail").fill(email)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(lambda url: "/sign-in" not in url)
            known[email] = list(context.cookies())
            context.close()
        return known[email]

    return of


@pytest.fixture
def browse(
    site: SimpleNamespace, chromium: Browser, cookies: Callable[[str], list[Any]]
) -> Iterator[Callable[..., Page]]:
    """`browse("/path", as_="owner@example.com", scheme="dark", width=390)` → the page, opened.

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
        height = 844 if width < 700 else 900
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, base_url=site.url, **more
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
