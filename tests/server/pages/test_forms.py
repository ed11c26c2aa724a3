"""Forms: signing in, proof of origin, what they change, what they say when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from server.command.model import Command
from server.pages.layout.forms import local_path
from tests.server.pages.site import Site
from tests.server.pages.visitor import Visitor

Visit = Callable[..., Visitor]


def test_a_wrong_password_is_told_and_the_address_kept(visit: Visit) -> None:
    answer = visit().sign_in("owner", "wrong password")
    assert answer.status_code == 401
    assert "is not right" in answer.text
    assert 'value="owner@example.com"' in answer.text


def test_signing_in_goes_where_one_wanted(visit: Visit, known: SimpleNamespace) -> None:
    visitor = visit()
    fields = {"email": "owner@example.com", "password": "correct horse battery"}
    answer = visitor.post("/sign-in", **fields, next=f"/cases/{known.owner_ticket}")
    assert answer.headers["location"] == f"/cases/{known.owner_ticket}"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", ""]
)
def test_signing_in_never_leads_away(visit: Visit, target: str) -> None:
    fields = {"email": "owner@example.com", "password": "correct horse battery"}
    assert visit().post("/sign-in", **fields, next=target).headers["location"] == "/"


@given(st.text(max_size=40))
def test_a_redirect_stays_on_this_server(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert path.isprintable()


def test_signing_out_ends_the_session(visit: Visit) -> None:
    visitor = visit()
    assert visitor.sign_in("owner").status_code == 303
    assert visitor.get("/cases").status_code == 200
    session = dict(visitor.http.cookies)
    assert visitor.post("/sign-out").status_code == 303
    stolen = visit()
    stolen.http.cookies.update(session)
    assert stolen.get("/cases").status_code == 303


@pytest.mark.parametrize("token", ["", "something else"])
def test_a_form_without_our_token_is_refused(
    visit: Visit, known: SimpleNamespace, token: str
) -> None:
    visitor = visit("owner")
    answer = visitor.post(f"/cases/{known.owner_ticket}/messages", token=token, body="forged")
    assert answer.status_code == 403
    assert "forged" not in visitor.get(f"/cases/{known.owner_ticket}").text


def test_a_form_from_another_site_is_refused(visit: Visit, known: SimpleNamespace) -> None:
    visitor = visit("owner")
    visitor.http.headers["Sec-Fetch-Site"] = "cross-site"
    answer = visitor.post(f"/cases/{known.owner_ticket}/messages", body="forged")
    assert answer.status_code == 403


def test_an_owner_asks_for_help_and_writes_again(visit: Visit) -> None:
    visitor = visit("owner")
    asked = visitor.post(
        "/help", device="heat-pump-1", subject="It drips <b>", description="Under the unit."
    )
    assert asked.status_code == 303
    case = asked.headers["location"]
    page = visitor.get(case).text
    assert "It drips &lt;b&gt;" in page
    assert "Under the unit." in page
    assert visitor.post(f"{case}/messages", body="Only at night.").status_code == 303
    assert "Only at night." in visitor.get(case).text
    assert visitor.post(f"{case}/messages", body="  ").status_code == 422
    assert visitor.post(f"{case}/state", wish="close").status_code == 303
    assert "It was withdrawn" in visitor.get(case).text


def test_help_without_a_subject_says_so_and_keeps_the_rest(visit: Visit) -> None:
    answer = visit("owner").post("/help", device="heat-pump-1", subject=" ", description="kept")
    assert answer.status_code == 422
    assert "Please say in a few words" in answer.text
    assert "kept" in answer.text


def test_what_a_form_did_is_said_once(visit: Visit, known: SimpleNamespace) -> None:
    visitor = visit("owner")
    path = f"/cases/{known.owner_ticket}"
    visitor.post(f"{path}/messages", body="Are you there?")
    part = visitor.get(path, headers={"HX-Request": "true"})
    assert "Sent." not in part.text
    assert "Sent." in visitor.get(path).text
    assert "Sent." not in visitor.get(path).text


def test_a_thumb_is_given_and_taken_back(visit: Visit, known: SimpleNamespace) -> None:
    visitor = visit("owner")
    path = f"/cases/{known.owner_ticket}"
    pressed = 'value="useful" aria-pressed="true"'
    visitor.post(f"{path}/feedback", thumb="useful")
    assert pressed in visitor.get(path).text
    visitor.post(f"{path}/feedback", thumb="useful")
    assert pressed not in visitor.get(path).text


def test_the_desk_works_a_ticket(visit: Visit, known: SimpleNamespace) -> None:
    visitor = visit("admin")
    path = f"/staff/tickets/{known.asked_ticket}"
    assert visitor.post(f"{path}/assign", assignee="me").status_code == 303
    assert "Ada Admin" in visitor.get(path).text
    assert visitor.post(f"{path}/state", state="in_progress").status_code == 303
    assert visitor.post(f"{path}/priority", priority="urgent").status_code == 303
    assert "Very urgent" in visitor.get("/staff/queue?view=mine").text
    assert visitor.post(f"{path}/messages", body="Hm.", internal="true").status_code == 303
    assert "not seen by the owner" in visitor.get(path).text
    called = visitor.post(f"{path}/job")
    assert called.headers["location"].startswith("/staff/jobs/")
    assert visitor.post(f"{path}/job").status_code == 409
    job = called.headers["location"]
    assert visitor.post(f"{job}/plan", planned_for="2031-05-06T09:30").status_code == 303
    assert "6 May 2031, 09:30" in visitor.get(job).text
    assert visitor.post(f"{job}/plan", planned_for="soon").status_code == 422
    assert visitor.post(f"{job}/cancel").status_code == 303
    answer = visitor.post(f"{path}/state", state="resolved", resolution="answered")
    assert answer.status_code == 303
    assert "The question was answered" in visitor.get(path).text


def test_a_technician_does_a_job_to_its_verdict(visit: Visit, known: SimpleNamespace) -> None:
    visitor = visit("technician")
    path = f"/jobs/{known.job}"
    for action in ("travel", "start", "pause", "resume"):
        assert visitor.post(f"{path}/step", action=action).status_code == 303
    without = visitor.post(f"{path}/step", action="finish")
    assert without.status_code == 422
    assert "Please choose one." in without.text
    half = visitor.post(
        f"{path}/step", action="finish", verdict="confirmed", component="Compressor"
    )
    assert half.status_code == 422
    assert "Please say what you did." in half.text
    assert 'value="Compressor"' in half.text
    fields = {"verdict": "confirmed", "component": "Compressor", "work_done": "Capacitor replaced"}
    twice = {"action": "finish", "client_id": "phone-1", **fields}
    assert visitor.post(f"{path}/step", **twice).status_code == 303
    assert visitor.post(f"{path}/step", **twice).status_code == 303  # sent again by a phone
    assert "Capacitor replaced" in visitor.get(path).text
    assert visitor.post(f"{path}/step", action="start").status_code == 409


def test_a_devices_credentials_are_shown_once(visit: Visit) -> None:
    visitor = visit("staff")
    wrong = visitor.post("/staff/devices/new", device_id="no spaces allowed")
    assert wrong.status_code == 422
    assert "Only letters" in wrong.text
    shown = visitor.post("/staff/devices/new", device_id="new-1", name="New one", site="Here")
    assert shown.status_code == 200
    assert "shown only now" in shown.text
    assert visitor.post("/staff/devices/new", device_id="new-1").status_code == 422
    assert visitor.post("/staff/devices/new-1/secret").status_code == 200
    assert visitor.post("/staff/devices/new-1/read").status_code == 303
    assert visitor.post("/staff/devices/new-1/revoke").status_code == 303
    assert "taken out of service" in visitor.get("/staff/devices/new-1").text


def test_the_desk_has_a_microcontroller_given_new_firmware(visit: Visit, site: Site) -> None:
    visitor = visit("staff")
    page = visitor.get("/staff/devices/cold-store-2").text
    assert "board.hex 2.0" in page
    assert "Limits told by the device" in page
    assert "at most 12" in page
    assert "Firmware updated (mcu: 1.0 → 2.0)" in page
    assert "Firmware update taken back (mcu: nothing was heard of it)" in page
    path = "/staff/devices/cold-store-2/firmware"
    digest = sha256(b"image").hexdigest()
    assert visitor.post(path, sha256=digest, line="mcu").status_code == 303
    assert visitor.post(path, sha256="0" * 64).status_code == 404
    with site.database.reading() as session:
        [asked] = session.scalars(select(Command).where(Command.name == "flash"))
        assert asked.args == {"sha256": digest, "version": "2.0", "name": "mcu"}
    assert visit("owner").post(path, sha256=digest).status_code == 403


def test_an_administrator_adds_and_shuts_an_account(visit: Visit) -> None:
    visitor = visit("admin")
    fields = {"name": "Nina New", "email": "nina@example.com", "role": "owner"}
    assert visitor.post("/staff/people", **fields, password="short").status_code == 422
    assert visitor.post("/staff/people", **fields, password="long enough 1").status_code == 303
    again = visitor.post("/staff/people", **fields, password="long enough 1")
    assert "has an account already" in again.text
    nina = visit()
    fields = {"email": "nina@example.com", "password": "long enough 1"}
    assert nina.post("/sign-in", **fields).status_code == 303
    number = visitor.get("/staff/people").text.split('popovertarget="shut-')[-1].split('"')[0]
    assert visitor.post(f"/staff/people/{number}/disable").status_code == 303
    assert nina.get("/").status_code == 303
