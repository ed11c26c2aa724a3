"""Takes the README's pictures from a running demo.

forewarn demo --no-browser        prints the address, the people and their password
python scripts/screenshots.py http://127.0.0.1:8080 --password demo-1234abcd
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
WORN = "/staff/devices/wp-sued-2"
"""The demo's device whose bearing wears."""

PHONE, DESK = (390, 844), (1440, 900)


@dataclass(frozen=True)
class Picture:
    """`follow` are links to go through from `path`, each the first that fits a selector."""

    name: str
    person: str
    path: str
    follow: tuple[str, ...] = ()
    size: tuple[int, int] = DESK
    scheme: str = "light"


WANTED = (
    Picture("owner-home", "owner", "/", size=PHONE),
    Picture("owner-home-dark", "owner", "/", size=PHONE, scheme="dark"),
    Picture("owner-case", "owner", "/cases", ("a.row[href^='/cases/']",), PHONE),
    Picture("owner-device", "owner", "/", (".device-card a",), PHONE),
    Picture("technician-jobs", "technician", "/jobs", size=PHONE),
    Picture("technician-job", "technician", "/jobs", ("a.row[href^='/jobs/']",), PHONE),
    Picture("staff-queue", "staff", "/staff/queue"),
    Picture("staff-ticket", "staff", WORN, ("a[href^='/staff/tickets/']",)),
    Picture("staff-device", "staff", f"{WORN}?range=7d"),
    Picture("staff-device-dark", "staff", f"{WORN}?range=7d", scheme="dark"),
)


def sign_in(browser: Browser, url: str, email: str, password: str) -> list[dict[str, object]]:
    context = browser.new_context(base_url=url, locale="en-GB")
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    try:
        page.wait_for_url(lambda at: "/sign-in" not in at, timeout=10_000)
    except Exception:  # noqa: BLE001 - whatever kept the page there
        sys.exit(f"{email} can't sign in at {url} with this password")
    cookies = [dict(cookie) for cookie in context.cookies()]
    context.close()
    return cookies


def settle(page: Page) -> None:
    """Fonts loaded, charts drawn."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-chart]')].every(c => !c.hasAttribute('aria-busy'))"
    )
    page.wait_for_timeout(600)


def take(browser: Browser, url: str, picture: Picture, cookies: list[dict[str, object]]) -> None:
    context = browser.new_context(
        base_url=url,
        viewport={"width": picture.size[0], "height": picture.size[1]},
        device_scale_factor=2 if picture.size == PHONE else 1,
        color_scheme=picture.scheme,  # type: ignore[arg-type]
        locale="en-GB",
    )
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(picture.path)
    for selector in picture.follow:
        link = page.locator(selector).first
        if link.count() == 0:
            print(f"{picture.name}: nothing like {selector} on {page.url}; left out")
            context.close()
            return
        page.goto(link.evaluate("element => element.href"))
    settle(page)
    page.screenshot(path=PICTURES / f"{picture.name}.png")
    print(f"{picture.name}: {page.url}")
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--password", required=True, help="the same for all of the demo's people")
    parser.add_argument("--owner", default="anna@demo.example")
    parser.add_argument("--technician", default="tom@demo.example")
    parser.add_argument("--staff", default="sofia@demo.example")
    parser.add_argument("--only", nargs="*", default=[], help="names of pictures")
    asked = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        known = {}
        for picture in WANTED:
            if asked.only and picture.name not in asked.only:
                continue
            if picture.person not in known:
                email = getattr(asked, picture.person)
                known[picture.person] = sign_in(browser, asked.url, email, asked.password)
            take(browser, asked.url, picture, known[picture.person])
        browser.close()


if __name__ == "__main__":
    main()
