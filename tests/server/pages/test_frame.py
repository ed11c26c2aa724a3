"""What every answer carries: headers, errors as pages or problems, language, files."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from server.pages.layout.assets import MANIFEST
from tests.server.pages.visitor import Visitor

Visit = Callable[..., Visitor]


@pytest.mark.parametrize("path", ["/sign-in", "/nothing", "/static/icon.svg", "/api/v1/devices"])
def test_security_headers(visit: Visit, path: str) -> None:
    headers = visit().get(path).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_errors_are_pages_for_people_and_problems_for_programs(visit: Visit) -> None:
    page = visit().get("/nothing")
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    problem = visit().get("/api/v1/nothing")
    assert problem.headers["content-type"] == "application/problem+json"
    assert visit("owner").get("/cases/not-a-number").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        ("pl-PL,pl;q=0.9,en;q=0.5", "Zaloguj się do Forewarn"),
        ("ru", "Вход в Forewarn"),
        ("de,fr;q=0.9", "Sign in to Forewarn"),
        ("x" * 500 + ";q=nonsense,,;", "Sign in to Forewarn"),
    ],
)
def test_the_browsers_language_counts(visit: Visit, accepted: str, words: str) -> None:
    assert words in visit(**{"Accept-Language": accepted}).get("/sign-in").text


def test_language_and_colours_are_remembered(visit: Visit) -> None:
    visitor = visit()
    answer = visitor.post("/preferences", language="ru", theme="dark", next="/sign-in")
    assert answer.headers["location"] == "/sign-in"
    page = visitor.get("/sign-in").text
    assert 'lang="ru"' in page
    assert 'data-theme="dark"' in page
    visitor.post("/preferences", language="klingon", theme="plaid")
    assert 'lang="ru"' in visitor.get("/sign-in").text


def test_a_signed_in_persons_language_is_noted_on_the_account(visit: Visit) -> None:
    visit("empty").post("/preferences", language="pl")
    assert 'lang="pl"' in visit("empty").get("/").text  # another browser, without the cookie
    visit("empty").post("/preferences", language="en")


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "Nowhere/Land", "../../etc/passwd", "é"])
def test_any_time_zone_cookie_is_survived(visit: Visit, zone: str) -> None:
    answer = visit().get("/sign-in", headers={"Cookie": f"timezone={zone}".encode()})
    assert answer.status_code == 200


@pytest.mark.skipif(not MANIFEST.exists(), reason="the web bundle was not built here")
def test_hashed_files_are_kept_for_ever(visit: Visit) -> None:
    visitor = visit()
    page = visitor.get("/sign-in").text
    script = page.split('src="')[1].split('"')[0]
    answer = visitor.get(script)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    manifest = visitor.get("/static/manifest.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    for icon in manifest.json()["icons"]:
        assert visitor.get(icon["src"]).status_code == 200


def test_outside_of_static_no_file_is_served(visit: Visit) -> None:
    assert visit().get("/static/../layout/reader.py").status_code == 404
    assert visit().get("/static/%2e%2e/setup.py").status_code == 404


def test_numbers_and_dates_follow_the_language(visit: Visit, known: SimpleNamespace) -> None:
    visitor = visit("staff", **{"Accept-Language": "pl"})
    page = visitor.get(f"/staff/tickets/{known.owner_ticket}").text
    assert "14,2\u00a0A" in page
    assert "Prąd sprężarki: wyżej niż zwykle" in page
