"""The replay of another caution in a real browser: how far it is, stopping it, what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from anomaly import warm_up
from tests.server.pages.site import Site
from tests.server.pages.test_tuning_pages import PAGE, out_of_reach

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Browse = Callable[..., Page]


def test_the_page_shows_how_far_it_is_and_then_the_answer(
    browse: Browse, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm_up()
    held = Held(site.telemetry.query)
    monkeypatch.setattr(site.telemetry, "query", held)
    page = browse(PAGE, as_="staff")
    page.get_by_label("Caution").first.select_option(value="2.0")
    page.get_by_role("button", name="Try it").click()
    bar = page.locator("[data-replay-progress] progress")
    page.wait_for_function(
        "() => document.querySelector('[data-replay-doing]').textContent.includes('%')"
    )
    assert bar.is_visible()
    assert page.get_by_role("button", name="Try it").is_disabled()
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Stop").click()
    assert page.get_by_text("Stopped. Nothing was changed.").is_visible()
    assert not bar.is_visible()
    held.let_go()
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("Visits for nothing repeated").first.wait_for()
    assert not bar.is_visible()
    assert page.get_by_role("button", name="Try it").is_enabled()
    monkeypatch.setattr(site.telemetry, "query", out_of_reach)
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("Try it again in a minute").wait_for()
    page.route("**/staff/tuning/replay?*", lambda route: route.fulfill(status=429))
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("The connection broke before the answer came.").wait_for()


class Held:
    """A store's `query` that waits before its tenth answer until it is let go."""

    def __init__(self, query: Callable[..., Any]) -> None:
        self._query, self._asked, self._free = query, 0, threading.Event()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self._asked += 1
        if self._asked >= 10:
            assert self._free.wait(60)
        return self._query(*arguments, **options)

    def let_go(self) -> None:
        self._free.set()
