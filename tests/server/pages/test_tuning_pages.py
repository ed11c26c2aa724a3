"""The desk sees what verdicts did to a model's caution, tries another, sets it and goes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anomaly import warm_up
from tests.server.pages.visitor import Visitor

Visit = Callable[..., Visitor]
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
