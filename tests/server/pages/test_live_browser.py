"""An open page follows what happens, without a reload."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, expect

from tests.server.pages.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_reply_appears_on_the_owners_open_page(
    browse: Callable[..., Page], visit: Callable[..., Visitor], known: SimpleNamespace
) -> None:
    with_stream = browse(f"/cases/{known.owner_ticket}", as_="owner")
    with_stream.wait_for_function(
        "() => performance.getEntriesByType('resource').length > 0", timeout=10_000
    )
    with_stream.wait_for_timeout(500)  # the stream's first bytes; nothing in the page tells of them
    with_stream.get_by_label("Your message").fill("half written")
    visit("staff").post(f"/staff/tickets/{known.owner_ticket}/messages", body="We are on the way.")
    expect(with_stream.get_by_text("We are on the way.")).to_be_visible(timeout=10_000)
    # What the owner was typing is not lost by it.
    expect(with_stream.get_by_label("Your message")).to_have_value("half written")
    assert with_stream.url.endswith(f"/cases/{known.owner_ticket}")


def test_the_queue_grows_by_itself(
    browse: Callable[..., Page], visit: Callable[..., Visitor]
) -> None:
    page = browse("/staff/queue", as_="staff")
    page.wait_for_timeout(500)
    visit("owner").post("/help", device="heat-pump-1", subject="It rattles in the wind")
    expect(page.get_by_role("link", name="It rattles in the wind")).to_be_visible(timeout=10_000)
