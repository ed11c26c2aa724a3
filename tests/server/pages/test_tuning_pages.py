"""The desk sees what verdicts did to a model's caution, tries another, sets it and goes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from anomaly import warm_up
from server.telemetry.errors import StoreUnavailable
from tests.server.pages.site import Site
from tests.server.pages.visitor import Visitor

Visit = Callable[..., Visitor]
STREAM = "/staff/tuning/replay?cohort=hp-9&caution=2&days=7"
LIST = "/staff/tuning"
PAGE = "/staff/tuning/model?cohort=hp-9"


def test_set_by_hand_and_back_again(visit: Visit) -> None:
    desk = visit("staff")
    assert PAGE in desk.get(LIST).text
    try:
        assert desk.post(PAGE, do="set", caution="1.6").status_code == 303
        shown = desk.get(PAGE).text
        assert "Caution now: 1.6" in shown
        assert "set by hand" in shown
        assert "Anna Nowak" in shown
        assert "quieter" in desk.get(LIST).text
    finally:
        desk.post(PAGE, do="revert", version="0")
    shown = desk.get(PAGE).text
    assert "Caution now: 1<" in shown
    assert "back to version" in shown
    assert "Go back to it" in shown


def test_what_it_would_have_looked_like_changes_nothing(visit: Visit) -> None:
    desk = visit("staff")
    warm_up()  # a cold compiler may take longer than a browser waits
    before = desk.get(PAGE).text.count("Go back to it")
    tried = desk.get(f"{PAGE}&caution=2&days=7")
    assert tried.status_code == 200
    assert "Visits for nothing repeated" in tried.text
    assert "Caution 2" in tried.text
    assert desk.get(PAGE).text.count("Go back to it") == before


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"do": "set", "caution": "9"}, {400, 422}),
        ({"do": "destroy"}, {400, 422}),
        ({"do": "revert", "version": "999"}, {404}),
    ],
)
def test_nonsense_is_refused(visit: Visit, fields: dict[str, str], status: set[int]) -> None:
    assert visit("staff").post(PAGE, **fields).status_code in status


def test_unknown_models_and_owners_are_turned_away(visit: Visit) -> None:
    assert visit("staff").get("/staff/tuning/model?cohort=none-such").status_code == 404
    assert visit("owner").get(LIST).status_code == 403
    assert visit("owner").post(PAGE, do="follow").status_code == 403


def steps(answer: Any) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]


def out_of_reach(*_: object, **__: object) -> None:
    raise StoreUnavailable("it does not answer")


def test_the_stream_tells_how_far_it_is_and_ends_with_what_the_page_shows(visit: Visit) -> None:
    warm_up()
    desk = visit("staff")
    answer = desk.get(STREAM)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *way, last = steps(answer)
    shares = [step["share"] for step in way]
    assert shares == sorted(shares)
    assert len(set(shares)) > 20
    assert {step["text"].partition(":")[0] for step in way} >= {"heat-pump-1", "foreign-9"}
    assert last["html"] in desk.get(f"{PAGE}&caution=2&days=7").text
    assert "Visits for nothing repeated" in last["html"]


def test_without_readings_it_says_so(visit: Visit) -> None:
    warm_up()
    nothing = STREAM.replace("hp-9", "wp-3")
    assert "No stored readings in this time" in steps(visit("staff").get(nothing))[-1]["html"]
    page = visit("staff").get(f"{PAGE.replace('hp-9', 'wp-3')}&caution=2&days=7")
    assert page.status_code == 200
    assert "No stored readings in this time" in page.text


def test_a_store_out_of_reach_is_told_with_what_to_do(
    visit: Visit, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.telemetry, "query", out_of_reach)
    for text in (
        steps(visit("staff").get(STREAM))[-1]["html"],
        visit("staff").get(f"{PAGE}&caution=2&days=7").text,
    ):
        assert "Try it again in a minute" in text


@pytest.mark.parametrize(
    ("person", "query", "status"),
    [
        ("owner", "cohort=hp-9&caution=2", 403),
        ("staff", "cohort=none-such&caution=2", 422),
        ("staff", "cohort=hp-9&caution=9", 422),
        ("staff", "cohort=hp-9", 422),
    ],
)
def test_the_stream_refuses_nonsense(visit: Visit, person: str, query: str, status: int) -> None:
    assert visit(person).get(f"/staff/tuning/replay?{query}").status_code == status
