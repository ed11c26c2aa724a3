"""Tokens are worth credentials once, not for long, and tell nobody anything when they are not."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from server.account import Role
from server.cli.program import app as cli
from server.device import enrolment, service
from server.device.credentials import DeviceAuthenticator
from server.device.endpoints import router
from server.device.enrolment_limiter import TRIES, WINDOW_S, EnrolmentLimiter
from server.kit.errors import BadInput, Conflict, NotFound, TooManyRequests
from server.kit.settings import Settings

CLAIM = "ABCD-EFGH-JKMN-PQRS"


@pytest.fixture
def make(database, pump, now):
    def build(device_id="pump", **options):
        with database.transaction() as session:
            return enrolment.make_token(session, device_id, **{"now": now, **options})[0]

    return build


@pytest.fixture
def use(database, now):
    def run(token, at=None):
        with database.transaction() as session:
            return enrolment.enrol(session, token, now=at or now)

    return run


def test_a_token_gives_credentials_that_open_and_end_the_old_ones(make, use, database, pump):
    got = use(make())
    gate = DeviceAuthenticator(database)
    assert gate.check(got.username, got.password, "pump").device_id == "pump"
    assert gate.check("pump", pump, "pump") is None


def test_a_token_is_good_once_and_in_any_spelling(make, use):
    token = make()
    use(f" {token.lower().replace('-', ' ')} ")
    with pytest.raises(NotFound, match="unknown, used or expired"):
        use(token)


def test_a_token_expires_is_replaced_by_the_next_and_ends_with_its_device(make, use, database, now):
    with pytest.raises(NotFound):
        use(make(valid_s=60), at=now + timedelta(seconds=60))
    first, second = make(), make()
    with pytest.raises(NotFound):
        use(first)
    with database.transaction() as session:
        service.revoke_device(session, "pump", now=now)
    with pytest.raises(NotFound):
        use(second)
    with pytest.raises(Conflict):
        make()


def test_a_claim_code_shown_by_the_device_is_a_token_like_any_other(make, use):
    with pytest.raises(NotFound):
        use(CLAIM)
    make(claim_code=CLAIM.lower())
    assert use(CLAIM).device_id == "pump"
    with pytest.raises(Conflict, match="used before"):
        make(claim_code=CLAIM)


@pytest.mark.parametrize("code", ["", "short", "A" * 15, "0" * 20, "ü" * 20, "A" * 41])
def test_what_no_device_shows_is_no_claim_code(make, code):
    with pytest.raises(BadInput):
        make(claim_code=code)


@given(st.text(max_size=60))
def test_no_text_gives_credentials_or_anything_but_the_one_error(scratch, text):
    with scratch.reading() as session, pytest.raises(NotFound):
        enrolment.enrol(session, text, now=datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def client(web_client):
    made = web_client(router)
    made.app.state.enrolment_limiter = EnrolmentLimiter()
    return made


def test_staff_make_tokens_and_devices_use_them_without_signing_in(client, person, pump):
    client.use_token(person(Role.STAFF)[1])
    made = client.post("/enrolments", json={"device_id": "pump"})
    assert made.status_code == 201
    client.headers.clear()
    got = client.post("/enrol", json={"token": made.json()["token"]})
    assert got.status_code == 200
    assert got.json()["username"] == "pump"
    assert got.json()["mqtt_url"] == "mqtt://testserver:1883"
    assert client.post("/enrol", json={"token": made.json()["token"]}).status_code == 404


def test_nobody_else_makes_tokens(client, person, pump):
    body = {"device_id": "pump"}
    assert client.post("/enrolments", json=body).status_code == 401
    for role in (Role.OWNER, Role.TECHNICIAN):
        client.use_token(person(role)[1])
        assert client.post("/enrolments", json=body).status_code == 403


def test_one_place_can_not_try_for_ever(now):
    limiter = EnrolmentLimiter()
    for _ in range(TRIES):
        limiter.take("192.0.2.1", now=now)
    with pytest.raises(TooManyRequests) as refused:
        limiter.take("192.0.2.1", now=now)
    assert 0 < refused.value.retry_after_s <= WINDOW_S
    limiter.take("192.0.2.2", now=now)
    limiter.take("192.0.2.1", now=now + timedelta(seconds=WINDOW_S))


def test_devices_are_sent_to_where_the_broker_is(tmp_path):
    settings = Settings(data_dir=tmp_path, mqtt_port=0)
    (tmp_path / "server.json").write_text(json.dumps({"mqtt": "mqtt://127.0.0.1:4711"}))
    assert enrolment.mqtt_url(settings, "hub.example") == "mqtt://hub.example:4711"
    assert enrolment.mqtt_url(settings, "fe80::1") == "mqtt://[fe80::1]:4711"
    public = Settings(data_dir=tmp_path, public_mqtt_url="mqtts://mqtt.example:8883")
    assert enrolment.mqtt_url(public, "hub.example") == "mqtts://mqtt.example:8883"


def test_the_command_line_prints_a_token_instead_of_a_password(tmp_path):
    def run(*arguments):
        done = CliRunner().invoke(cli, ["device", *arguments, "--data-dir", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    printed = run("add", "d1", "--enroll")
    assert set(printed) == {"device_id", "token", "expires_at"}
    assert run("enroll", "d1")["token"] != printed["token"]
    assert run("enroll", "d1", "--claim", CLAIM)["token"] == CLAIM
