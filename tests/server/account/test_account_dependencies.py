from datetime import datetime, timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends

from server.account import Role, Viewer, repository, service
from server.account.csrf import CSRF_HEADER, csrf_token
from server.account.dependencies import (
    CurrentViewer,
    DeskViewer,
    OptionalViewer,
    require,
)
from server.kit.clock import ManualClock
from server.kit.database import Database

ROUTER = APIRouter()


@ROUTER.get("/page")
@ROUTER.post("/page")
def page(viewer: OptionalViewer) -> str | None:
    return viewer and viewer.email


@ROUTER.get("/api/v1/me")
@ROUTER.post("/api/v1/me")
def me(viewer: CurrentViewer) -> str:
    return viewer.email


@ROUTER.get("/api/v1/desk")
def desk(viewer: DeskViewer) -> str:
    return viewer.email


@ROUTER.get("/api/v1/owners")
def owners(viewer: Annotated[Viewer, Depends(require(Role.OWNER))]) -> str:
    return viewer.email


@pytest.fixture
def client(web_client):
    return web_client(ROUTER)


@pytest.fixture
def token(database: Database, ann: int, now: datetime) -> str:
    with database.transaction() as session:
        return service.open_session(session, ann, user_agent="", now=now)


@pytest.fixture
def api_token(database: Database, ann: int, now: datetime) -> str:
    with database.transaction() as session:
        return service.create_api_token(session, ann, label="", now=now)[1]


def test_nobody_is_asked_to_sign_in(client):
    refused = client.get("/api/v1/me")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert client.get("/page").json() is None


def test_the_cookie_opens_pages_and_api(client, token: str):
    client.sign_in(token)
    assert client.get("/page").json() == "ann@example.com"
    assert client.get("/api/v1/me").json() == "ann@example.com"


def test_a_wrong_cookie_is_nobody(client, token: str):
    client.sign_in(token[:-1])
    assert client.get("/page").json() is None
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"proof": "wrong"}, 403),
        ({"proof": "right"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "none", "proof": "right"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "proof": "right"}, 403),
    ],
)
def test_a_sessions_unsafe_request_needs_proof(client, token: str, headers, status):
    client.sign_in(token)
    headers = dict(headers)
    if proof := headers.pop("proof", None):
        headers[CSRF_HEADER] = csrf_token(token) if proof == "right" else csrf_token("other")
    assert client.post("/api/v1/me", headers=headers).status_code == status


def test_a_bearer_token_is_proof_enough_and_counts_before_the_cookie(
    client, token: str, api_token: str
):
    client.sign_in(token)
    right = {"Authorization": f"Bearer {api_token}"}
    assert client.post("/api/v1/me", headers=right).json() == "ann@example.com"
    wrong = {"Authorization": "Bearer fw_wrong"}
    assert client.post("/api/v1/me", headers=wrong).status_code == 401


def test_roles_are_checked(client, api_token: str):
    headers = {"Authorization": f"Bearer {api_token}"}
    assert client.get("/api/v1/owners", headers=headers).status_code == 200
    assert client.get("/api/v1/desk", headers=headers).status_code == 403


def test_use_is_noted_but_not_on_every_request(
    client, token: str, database: Database, clock: ManualClock, now: datetime
):
    client.sign_in(token)

    def last_seen() -> datetime:
        with database.reading() as session:
            found = repository.session_and_user(session, service.token_hash(token))
            assert found is not None
            return found[0].last_seen_at

    clock.advance(seconds=60)
    client.get("/page")
    assert last_seen() == now
    clock.advance(seconds=service.TOUCH_INTERVAL.total_seconds())
    client.get("/page")
    assert last_seen() == now + service.TOUCH_INTERVAL + timedelta(seconds=60)
