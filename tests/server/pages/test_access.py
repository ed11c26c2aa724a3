"""Who may see what, by plain requests: an owner only his own, a technician his jobs, the desk all."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.server.pages.visitor import Visitor

Visit = Callable[..., Visitor]

OWNER_PATHS = ("/", "/cases", "/help", "/devices/cold-store-2", "/cases/{owner_ticket}")
TECHNICIAN_PATHS = ("/jobs", "/jobs/open", "/jobs/{job}", "/devices/cold-store-2")
STAFF_PATHS = (
    "/staff/queue",
    "/staff/queue?view=mine",
    "/staff/queue?view=ended",
    "/staff/tickets/{owner_ticket}",
    "/staff/tickets/{asked_ticket}",
    "/staff/devices",
    "/staff/devices?q=cold",
    "/staff/devices/cold-store-2",
    "/staff/devices/water-pump-3?range=90d",
    "/staff/devices/new",
    "/staff/jobs",
    "/staff/jobs?view=ended",
    "/staff/jobs/{job}",
    "/staff/quarantine",
    "/staff/tuning",
    "/staff/tuning/model?cohort=hp-9",
    "/staff/figures",
    "/staff/figures?days=7",
    "/staff/models",
)


@pytest.mark.parametrize("path", [*OWNER_PATHS, *TECHNICIAN_PATHS, *STAFF_PATHS, "/staff/people"])
def test_strangers_are_led_to_the_door(visit: Visit, known: SimpleNamespace, path: str) -> None:
    answer = visit().get(path.format(**vars(known)))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=/")


@pytest.mark.parametrize(
    ("person", "path"),
    [("owner", p) for p in OWNER_PATHS]
    + [("technician", p) for p in TECHNICIAN_PATHS]
    + [("staff", p) for p in STAFF_PATHS]
    + [("admin", "/staff/people"), ("admin", "/staff/queue"), ("empty", "/"), ("empty", "/help")],
)
def test_pages_open_for_their_audience(
    visit: Visit, known: SimpleNamespace, person: str, path: str
) -> None:
    answer = visit(person).get(path.format(**vars(known)))
    assert answer.status_code == 200, answer.text[:500]
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    "path", ["/devices/foreign-9", "/cases/{foreign_ticket}", "/devices/none-such", "/cases/99999"]
)
def test_what_is_not_an_owners_does_not_exist_for_him(
    visit: Visit, known: SimpleNamespace, path: str
) -> None:
    answer = visit("owner").get(path.format(**vars(known)))
    assert answer.status_code == 404
    assert "foreign" not in answer.text.replace(path.format(**vars(known)), "")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/cases/{foreign_ticket}/messages", {"body": "hello"}),
        ("/cases/{foreign_ticket}/feedback", {"thumb": "useful"}),
        ("/cases/{foreign_ticket}/state", {"wish": "close"}),
        ("/help", {"device": "foreign-9", "subject": "mine now"}),
    ],
)
def test_an_owner_changes_nothing_of_anothers(
    visit: Visit, known: SimpleNamespace, path: str, fields: dict[str, str]
) -> None:
    answer = visit("owner").post(path.format(**vars(known)), **fields)
    assert answer.status_code == 404


@pytest.mark.parametrize("person", ["owner", "technician"])
@pytest.mark.parametrize("path", [*STAFF_PATHS, "/staff/people"])
def test_the_desk_is_the_desks(
    visit: Visit, known: SimpleNamespace, person: str, path: str
) -> None:
    assert visit(person).get(path.format(**vars(known))).status_code == 403


def test_accounts_are_the_administrators(visit: Visit) -> None:
    assert visit("staff").get("/staff/people").status_code == 403


def test_jobs_are_not_for_owners(visit: Visit, known: SimpleNamespace) -> None:
    assert visit("owner").get(f"/jobs/{known.job}").status_code == 403


def test_notes_among_colleagues_are_not_shown_to_the_owner(
    visit: Visit, known: SimpleNamespace
) -> None:
    assert "Ask for the key." in visit("staff").get(f"/staff/tickets/{known.owner_ticket}").text
    assert "Ask for the key." not in visit("owner").get(f"/cases/{known.owner_ticket}").text


@pytest.mark.parametrize(
    ("person", "start"),
    [("technician", "/jobs"), ("staff", "/staff/queue"), ("admin", "/staff/queue")],
)
def test_everyone_is_led_to_his_own_start(visit: Visit, person: str, start: str) -> None:
    answer = visit(person).get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, start)
