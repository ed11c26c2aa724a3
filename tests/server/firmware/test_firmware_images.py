"""Images of firmware: kept once, listed for staff, given only to a device that is asked to write them."""

import hashlib

import httpx
import pytest

from device_agent.wire.commands import CommandResult
from server.account import Role
from server.command import service as commands
from server.command.endpoints import router as command_router
from server.device import service as devices
from server.firmware.endpoints import router
from server.firmware.service import MAX_IMAGE_BYTES

IMAGE = b"\xe9firmware" * 100
DIGEST = hashlib.sha256(IMAGE).hexdigest()


@pytest.fixture
def pump(database, person, now):
    """A device's id and secret."""
    return add(database, "pump", person(Role.OWNER)[0].user_id, now)


def add(database, device_id, owner_id, now):
    with database.transaction() as session:
        _, secret = devices.add_device(session, device_id=device_id, owner_id=owner_id, now=now)
        return device_id, secret


@pytest.fixture
def staff(web_client, person):
    client = web_client(router, command_router)
    client.use_token(person(Role.STAFF)[1])
    return client


@pytest.fixture
def device(web_client):
    """Asks as a device."""

    def get(identity, digest=DIGEST):
        client = web_client(router)
        basic = httpx.BasicAuth(*identity)._auth_header if identity else None
        return client.get(f"/firmware/{digest}", headers={"Authorization": basic} if basic else {})

    return get


def keep(staff, data=IMAGE, **params):
    return staff.post("/firmware", params={"name": "uno.hex", **params}, content=data)


def asked(staff, sha256=DIGEST):
    answer = staff.post(
        "/devices/pump/commands", json={"name": "flash", "args": {"sha256": sha256}}
    )
    assert answer.status_code == 201
    return answer.json()["id"]


def test_image_is_kept_once_and_listed(staff):
    made = keep(staff, version="2.0.0", hardware="atmega328p")
    assert made.status_code == 201
    body = made.json()
    assert (body["sha256"], body["size_bytes"], body["version"]) == (DIGEST, len(IMAGE), "2.0.0")
    assert keep(staff, version="other").json() == body
    assert keep(staff, b"another").status_code == 201
    first = staff.get("/firmware", params={"limit": 1}).json()
    rest = staff.get("/firmware", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert {row["sha256"] for page in (first, rest) for row in page["items"]} == {
        DIGEST,
        hashlib.sha256(b"another").hexdigest(),
    }
    assert rest["next_cursor"] is None


def test_device_that_is_asked_gets_it_and_no_other(staff, device, pump, database, person, now):
    keep(staff)
    assert device(pump).status_code == 404, "not asked"
    asked(staff)
    got = device(pump)
    assert (got.status_code, got.content) == (200, IMAGE)
    assert got.headers["content-type"] == "application/octet-stream"
    assert device(None).status_code == 401
    assert device(("pump", "wrong")).status_code == 401
    assert device(("nobody", pump[1])).status_code == 401
    assert device(pump, "0" * 64).status_code == 404
    assert device(pump, "nonsense").status_code == 404
    other = add(database, "other", person(Role.OWNER, "second@example.com")[0].user_id, now)
    assert device(other).status_code == 404


def test_nothing_is_given_once_the_command_has_ended(staff, device, pump, database, now):
    keep(staff)
    command = asked(staff)
    with database.transaction() as session:
        commands.record_result(session, "pump", CommandResult(command, "done"), now=now)
    assert device(pump).status_code == 404


def test_image_in_use_stays(staff, pump):
    keep(staff)
    asked(staff)
    assert staff.request("DELETE", f"/firmware/{DIGEST}").status_code == 409
    other = keep(staff, b"other").json()["sha256"]
    assert staff.request("DELETE", f"/firmware/{other}").status_code == 204
    assert staff.request("DELETE", f"/firmware/{other}").status_code == 404


@pytest.mark.parametrize(
    ("data", "params", "field"),
    [
        (b"", {}, "image"),
        (b"x" * (MAX_IMAGE_BYTES + 1), {}, "image"),
        (b"x", {"name": ""}, "name"),
        (b"x", {"version": "v" * 65}, "version"),
        (b"x", {"name": "\u202e\x00"}, "name"),
    ],
)
def test_what_does_not_fit_is_refused(staff, data, params, field):
    answer = keep(staff, data, **params)
    assert answer.status_code == 422
    assert field in answer.text
    assert staff.get("/firmware").json()["items"] == []


@pytest.mark.parametrize("role", [Role.OWNER, Role.TECHNICIAN])
def test_only_the_desk_keeps_images(web_client, person, role):
    client = web_client(router)
    client.use_token(person(role)[1])
    assert keep(client).status_code == 403
    assert client.get("/firmware").status_code == 403
    assert client.request("DELETE", f"/firmware/{DIGEST}").status_code == 403
