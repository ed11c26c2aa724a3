"""Every page in a real browser: nothing for axe to find, no sideways scrolling, no script error."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Browse = Callable[..., Page]

PAGES = (
    (None, "/sign-in"),
    (None, "/nothing-here"),
    (None, "/styleguide"),
    ("owner", "/"),
    ("empty", "/"),
    ("empty", "/cases"),
    ("empty", "/help"),
    ("owner", "/devices/cold-store-2"),
    ("owner", "/devices/water-pump-3?range=7d"),
    ("owner", "/cases"),
    ("owner", "/cases/{owner_ticket}"),
    ("owner", "/cases/{asked_ticket}"),
    ("owner", "/help"),
    ("technician", "/jobs"),
    ("technician", "/jobs/open"),
    ("technician", "/jobs/{job}"),
    ("staff", "/staff/queue"),
    ("staff", "/staff/queue?view=ended"),
    ("staff", "/staff/tickets/{owner_ticket}"),
    ("staff", "/staff/devices"),
    ("staff", "/staff/devices?q=nothing-fits"),
    ("staff", "/staff/devices/cold-store-2"),
    ("staff", "/staff/devices/new"),
    ("staff", "/staff/jobs"),
    ("staff", "/staff/jobs/{job}"),
    ("staff", "/staff/quarantine"),
    ("staff", "/staff/tuning"),
    ("staff", "/staff/tuning/model?cohort=hp-9&caution=2&days=7"),
    ("staff", "/staff/figures"),
    ("staff", "/staff/models"),
    ("technician", "/devices/cold-store-2"),
    ("admin", "/staff/people"),
)


def axe_findings(page: Page, *rules: str) -> list[str]:
    """What axe finds (by `rules` only, if given), a line each."""
    options = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else None
    found = Axe().run(page, options=options).response["violations"]
    return [f"{v['id']}: {v['help']}: {[n['html'][:150] for n in v['nodes'][:3]]}" for v in found]


def wait_for_charts(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-chart]')]"
        ".every(c => c.querySelector('canvas') && !c.hasAttribute('aria-busy'))"
    )


@pytest.mark.parametrize(("person", "path"), PAGES)
def test_page_is_sound(
    browse: Browse, known: SimpleNamespace, person: str | None, path: str
) -> None:
    """At its audience's usual width: axe finds nothing; nor in the dark; a small phone needs no sideways."""
    width = 1280 if person in {"staff", "admin"} else 390
    page = browse(path.format(**vars(known)), as_=person, width=width)
    wait_for_charts(page)
    assert axe_findings(page) == []
    page.emulate_media(color_scheme="dark")
    assert axe_findings(page, "color-contrast") == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("language", ["pl", "ru"])
@pytest.mark.parametrize("path", ["/", "/cases/{owner_ticket}", "/devices/cold-store-2"])
def test_long_languages_fit_a_phone(
    browse: Browse, known: SimpleNamespace, path: str, language: str
) -> None:
    page = browse(path.format(**vars(known)), as_="owner", width=360, locale=language)
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("language", ["en", "pl", "ru"])
@pytest.mark.parametrize("person", ["staff", "admin"])
def test_the_menu_of_the_desk_fits_a_phone(browse: Browse, person: str, language: str) -> None:
    """Each entry on one line of its own place; what has no place is behind the last one, without scripts."""
    page = browse("/staff/queue", as_=person, width=360, locale=language, java_script_enabled=False)
    places = page.locator(".nav > a, .nav > button")
    assert places.count() == 5
    boxes = [place.bounding_box() for place in places.all()]
    words = [place.locator("span").bounding_box() for place in places.all()]
    assert all(box and word for box, word in zip(boxes, words, strict=True))
    for box, word in zip(boxes, words, strict=True):
        assert word["height"] < 24
        assert box["x"] <= word["x"]
        assert word["x"] + word["width"] <= box["x"] + box["width"] + 0.5
    assert boxes[-1]["x"] + boxes[-1]["width"] <= 360
    rest = page.locator("#nav-rest a")
    assert not rest.first.is_visible()
    places.last.click()
    assert rest.count() == (3 if person == "admin" else 2)
    assert rest.first.is_visible()
    page.keyboard.press("Escape")
    assert not rest.first.is_visible()
    page.set_viewport_size({"width": 1280, "height": 900})
    assert rest.first.is_visible()
    assert not places.last.is_visible()


@pytest.mark.parametrize(
    ("person", "path"),
    [("owner", "/devices/cold-store-2"), ("staff", "/staff/devices/cold-store-2")],
)
def test_pages_stand_without_scripts(browse: Browse, person: str, path: str) -> None:
    page = browse(path, as_=person, java_script_enabled=False)
    assert page.get_by_role("heading", name="Cold store 2").is_visible()
    assert page.locator("svg.spark polyline").first.is_visible()


def test_the_keyboard_reaches_everything(browse: Browse) -> None:
    page = browse("/nothing-here")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_the_menu_closes_by_escape_and_keeps_the_focus(browse: Browse) -> None:
    page = browse("/", as_="owner")
    menu = page.locator("details.menu")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    assert menu.get_by_role("button", name="Dark").is_visible()
    page.keyboard.press("Escape")
    assert not menu.get_by_role("button", name="Dark").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_colours_can_be_chosen_against_the_system(browse: Browse) -> None:
    page = browse("/", as_="owner", scheme="light")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Dark").click()
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_charts_share_one_axis_and_can_be_looked_into(browse: Browse) -> None:
    page = browse("/staff/devices/cold-store-2", as_="staff")
    wait_for_charts(page)
    assert page.locator("[data-chart] canvas").count() == 3
    lane = page.locator(".lane-entry").first
    before = lane.bounding_box()
    over = page.locator(".u-over").first
    box = over.bounding_box()
    assert box
    assert before
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=5)
    page.mouse.up()
    page.wait_for_function(
        "left => Math.abs(document.querySelector('.lane-entry').getBoundingClientRect().left - left) > 20",
        arg=before["x"],
    )
    wait_for_charts(page)
    over = page.locator(".u-over").first
    over.dblclick()
    page.wait_for_function(
        "left => Math.abs(document.querySelector('.lane-entry').getBoundingClientRect().left - left) < 2",
        arg=before["x"],
    )


def test_a_dialog_opens_without_scripts_of_ours(browse: Browse) -> None:
    page = browse("/staff/devices/heat-pump-1", as_="staff", java_script_enabled=False)
    page.get_by_role("button", name="Take out of service").first.click()
    assert page.get_by_role("dialog", name="Take this device out of service?").is_visible()
