import pytest

from server.account import Role
from server.command.endpoints import router
from server.device import service as devices

URL = "/devices/pump/commands"


@pytest.fixture
def client(web_client, person, pump):
    client = web_client(router)
    client.use_token(person(Role.STAFF)[1])
    return client


def test_a_command_is_asked_for_and_read_back(client):
    made = client.post(URL, json={"name": "read_now", "args": {"n": 1, "on": True, "x": None}})
    assert made.status_code == 201
    body = made.json()
    assert (body["status"], body["device_id"]) == ("pending", "pump")
    assert body["args"] == {"n": 1, "on": True, "x": None}
    assert client.get(f"{URL}/{body['id']}").json() == body
    assert client.get(URL).json() == {"items": [body], "next_cursor": None}


def test_the_audit_tells_owner_technician_and_staff_apart(client, person, database, now):
    asking = {role: person(role, f"{role}@audit.example") for role in Role}
    with database.transaction() as session:
        owner = asking[Role.OWNER][0].user_id
        devices.add_device(session, device_id="fan", owner_id=owner, now=now)
    for role, (viewer, token) in asking.items():
        client.use_token(token)
        made = client.post("/devices/fan/commands", json={"name": "read_now"}).json()
        assert (made["requested_role"], made["requested_by"]) == (role.value, viewer.user_id)
    listed = client.get("/devices/fan/commands").json()["items"]
    assert {item["requested_role"] for item in listed} == {role.value for role in Role}


def test_lists_are_paged(client):
    for n in range(3):
        client.post(URL, json={"name": f"c{n}"})
    first = client.get(URL, params={"limit": 2}).json()
    rest = client.get(URL, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    names = {item["name"] for page in (first, rest) for item in page["items"]}
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert names == {"c0", "c1", "c2"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "Bad Name"},
        {"name": "x", "args": {"a": [1]}},
        {"name": "x", "args": {"a": 10**30}},
        {"name": "x", "expires_in_s": 0},
        {"name": "x", "unknown": 1},
        {"name": "x", "args": {str(n): n for n in range(33)}},
    ],
)
def test_what_does_not_fit_is_refused(client, body):
    assert client.post(URL, json=body).status_code == 422


@pytest.mark.parametrize("path", ["/devices/missing/commands", "/devices/a%00b/commands"])
def test_an_unknown_device_is_not_found(client, path):
    assert client.get(path).status_code == 404
    assert client.post(path, json={"name": "read_now"}).status_code == 404


@pytest.mark.parametrize("command_id", ["nope", "00000000-0000-7000-8000-000000000000", "%00"])
def test_an_unknown_command_is_not_found(client, command_id):
    assert client.get(f"{URL}/{command_id}").status_code == 404


def test_a_foreign_cursor_is_refused(client):
    assert client.get(URL, params={"cursor": "AAAA"}).status_code == 422


def test_sign_in_is_needed(web_client, pump):
    assert web_client(router).get(URL).status_code == 401
