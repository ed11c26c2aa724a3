from collections.abc import Callable
from typing import Any

from server.account.viewer import Role
from server.incident.endpoints import router
from tests.server.incident.case_world import CaseWorld


def as_user(web_client: Callable[..., Any], token: str) -> Any:
    client = web_client(router)
    client.use_token(token)
    return client


def test_nobody_reads_cases_without_signing_in(web_client: Callable[..., Any]):
    assert web_client(router).get("/incidents").status_code == 401


def test_an_owner_reads_the_cases_of_his_own_devices(
    world: CaseWorld, web_client: Callable[..., Any]
):
    owner, token = world.user(Role.OWNER)
    stranger, _ = world.user(Role.OWNER)
    world.find(world.device(owner))
    world.find(world.device(stranger))
    mine, foreign = world.incidents()
    client = as_user(web_client, token)
    assert [row["id"] for row in client.get("/incidents").json()["items"]] == [mine.id]
    body = client.get(f"/incidents/{mine.id}").json()
    assert body["findings"][0]["sentence"].startswith("The compressor")
    assert client.get(f"/incidents/{foreign.id}").status_code == 404
    assert client.get("/incidents/99999").status_code == 404


def test_staff_page_and_filter_them(world: CaseWorld, web_client: Callable[..., Any]):
    _, token = world.user(Role.STAFF)
    devices = [world.device() for _ in range(3)]
    findings = [world.find(device) for device in devices]
    world.end(findings[0])
    client = as_user(web_client, token)
    page = client.get("/incidents", params={"limit": 2}).json()
    rest = client.get("/incidents", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    ids = [row["id"] for row in page["items"] + rest["items"]]
    assert ids == sorted((c.id for c in world.incidents()), reverse=True)
    assert rest["next_cursor"] is None
    recovering = client.get("/incidents", params={"state": "recovering"}).json()["items"]
    assert [row["device_id"] for row in recovering] == [devices[0]]
    one = client.get("/incidents", params={"device": devices[1]}).json()["items"]
    assert [row["device_id"] for row in one] == [devices[1]]


def test_bad_questions_get_an_answer_that_says_why(
    world: CaseWorld, web_client: Callable[..., Any]
):
    client = as_user(web_client, world.user(Role.STAFF)[1])
    for params in ({"state": "burning"}, {"limit": 0}, {"cursor": "%%%"}, {"limit": 10**9}):
        assert client.get("/incidents", params=params).status_code == 422
    assert client.get("/incidents/nine").status_code == 422
