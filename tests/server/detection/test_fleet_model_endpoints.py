"""Fleet models over the API: every version a page at a time, which are in use, which cohorts wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from server.account.viewer import Role
from server.detection import repository
from server.detection.fleet_model_endpoints import router
from server.detection.fleet_models import LEAST_FAILURES
from server.detection.model import FleetModel
from tests.server.incident.case_world import CaseWorld

VERSIONS = (("life", 1, False), ("life", 2, True), ("failure", 1, True))


@pytest.fixture
def models(world: CaseWorld) -> None:
    """Two versions of time left and one of failure soon of a cohort that has a device, one of another."""
    wanted = [("pump p", *version) for version in VERSIONS] + [("fan f", "life", 1, True)]
    with world.database.transaction() as session:
        for cohort, kind, version, used in wanted:
            session.add(
                FleetModel(
                    cohort=cohort, kind=kind, version=version, content=b"not for the API",
                    step_s=3600.0, horizon_days=7.0, failures=9, held_out=2,
                    trained_until=world.now - timedelta(days=2), error=3.1,
                    current_error=4.4 if version > 1 else None, mean_error=9.8, in_use=used,
                    used_by="", made_at=world.now,
                )
            )  # fmt: skip
            session.flush()


@pytest.fixture
def desk(world: CaseWorld, web_client: Any) -> Any:
    client = web_client(router)
    client.use_token(world.user(Role.STAFF)[1])
    return client


def told(answer: Any) -> list[tuple[str, str, int, bool]]:
    return [(m["cohort"], m["kind"], m["version"], m["in_use"]) for m in answer.json()["items"]]


@pytest.mark.usefixtures("models")
def test_versions_are_listed_newest_first_and_can_be_chosen(desk: Any) -> None:
    everything = desk.get("/models")
    assert told(everything) == [
        ("fan f", "life", 1, True),
        ("pump p", "failure", 1, True),
        ("pump p", "life", 2, True),
        ("pump p", "life", 1, False),
    ]
    first = everything.json()["items"][2]
    assert (first["error"], first["current_error"], first["mean_error"]) == (3.1, 4.4, 9.8)
    assert "content" not in first
    of_pumps = desk.get("/models", params={"cohort": "pump p", "in_use": True})
    assert told(of_pumps) == [("pump p", "failure", 1, True), ("pump p", "life", 2, True)]
    assert told(desk.get("/models", params={"in_use": False})) == [("pump p", "life", 1, False)]
    assert told(desk.get("/models", params={"cohort": "toaster"})) == []


@pytest.mark.usefixtures("models")
def test_pages_hold_each_version_once(desk: Any) -> None:
    seen, cursor = [], None
    for _ in range(4):
        page = desk.get("/models", params={"limit": 1, **({"cursor": cursor} if cursor else {})})
        seen += told(page)
        cursor = page.json()["next_cursor"]
    assert cursor is None
    assert len(set(seen)) == 4
    assert desk.get("/models", params={"cursor": "nonsense"}).status_code == 422


@pytest.mark.usefixtures("models")
def test_another_version_is_put_to_use_and_all_taken_back(world: CaseWorld, desk: Any) -> None:
    wish = {"cohort": "pump p", "kind": "life", "version": 1}
    made = desk.post("/models/use", json=wish).json()
    assert (made["version"], made["in_use"], bool(made["used_by"])) == (1, True, True)
    assert desk.post("/models/use", json={**wish, "version": 0}).json() is None
    with world.database.reading() as session:
        used = repository.fleet_models_in_use(session, "pump p")
        assert [(row.kind, row.version) for row in used] == [("failure", 1)]
    for wrong in ({"version": 9}, {"cohort": "toaster"}):
        assert desk.post("/models/use", json={**wish, **wrong}).status_code == 404
    assert desk.post("/models/use", json={**wish, "kind": "luck"}).status_code == 422


def test_who_waits_for_failures(world: CaseWorld, desk: Any) -> None:
    world.device()
    [waiting] = desk.get("/models/waiting").json()
    assert (waiting["failures"], waiting["needed"]) == (0, LEAST_FAILURES)
    assert told(desk.get("/models")) == []


def test_the_desk_alone_reads_them(world: CaseWorld, web_client: Any) -> None:
    client = web_client(router)
    body = {"cohort": "pump p", "kind": "life", "version": 0}
    for role in (Role.OWNER, Role.TECHNICIAN):
        client.use_token(world.user(role)[1])
        assert client.get("/models").status_code == 403
        assert client.get("/models/waiting").status_code == 403
        assert client.post("/models/use", json=body).status_code == 403
    client.use_token(world.user(Role.ADMIN)[1])
    assert client.get("/models").status_code == 200
