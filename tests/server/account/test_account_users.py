from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.account import Role, passwords, repository, service
from server.account.passwords import hash_password, verify_password
from server.kit.database import Database
from server.kit.errors import BadInput, Conflict, NotFound, TooManyRequests

PASSWORD = "correct horse battery"


def add(session, now, *, email="bob@example.com", name="Bob", password=PASSWORD):
    return service.add_user(
        session, email=email, name=name, role=Role.STAFF, password=password, now=now
    )


def test_a_user_is_kept_with_a_lower_case_address_and_a_hash(database: Database, now: datetime):
    with database.transaction() as session:
        user_id = add(session, now, email="  Bob@Example.COM ").id
    with database.reading() as session:
        kept = service.user_by_email(session, "BOB@example.com")
        assert (kept.id, kept.email, kept.role) == (user_id, "bob@example.com", Role.STAFF)
        assert kept.created_at == now
        assert kept.password_hash is not None
        assert PASSWORD not in kept.password_hash
        assert kept.as_viewer().sees_all_devices


def test_the_same_address_twice_is_a_conflict(database: Database, now: datetime):
    with database.transaction() as session:
        add(session, now)
        with pytest.raises(Conflict):
            add(session, now, email="BOB@EXAMPLE.COM")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("email", {"email": "no-at-sign"}),
        ("email", {"email": "a@b@c"}),
        ("email", {"email": "a b@example.com"}),
        ("email", {"email": "x@example.com\nBcc: y@example.com"}),
        ("email", {"email": "a" * 60 + "@" + "b" * 250 + ".com"}),
        ("name", {"name": " \x1b\n "}),
        ("name", {"name": "n" * 101}),
        ("password", {"password": "short"}),
        ("password", {"password": "aaaaaaaaaaaa"}),
        ("password", {"password": "p\ud800" * 10}),
        ("password", {"password": "ab" * 600}),
    ],
)
def test_refused_values_name_their_field(database: Database, now: datetime, field, values):
    with database.transaction() as session, pytest.raises(BadInput) as refused:
        add(session, now, **values)
    assert refused.value.field == field


def given_or_none(accept, text: str) -> str | None:
    """What `accept` makes of the text; any error but the documented one fails the test."""
    try:
        return accept(text)
    except BadInput:
        return None


@given(text=st.text(st.characters(codec=None), max_size=300) | st.emails())
def test_any_text_is_an_address_or_refused(text: str):
    email = given_or_none(service.normal_email, text)
    if email is not None:
        assert email == service.normal_email(email)
        assert email.isascii()
        assert email.isprintable()


@given(text=st.text(st.characters(codec=None)))
def test_any_text_is_a_name_or_refused(text: str):
    name = given_or_none(service._name, text)
    if name is not None:
        assert 0 < len(name) <= 100
        name.encode()
        assert "\n" not in name


def test_either_form_of_an_accent_is_the_same_password():
    composed, decomposed = "\u0439\u0439\u0439-parol-1", "и\u0306и\u0306и\u0306-parol-1"
    assert verify_password(decomposed, hash_password(composed))[0]


@pytest.mark.parametrize("attempt", ["", "wrong password", "\ud800" * 12, "x" * 5000])
def test_wrong_and_strange_passwords_open_nothing(attempt: str):
    assert not verify_password(attempt, hash_password(PASSWORD))[0]
    assert not verify_password(attempt, None)[0]


def test_a_user_without_or_with_a_damaged_hash_can_not_be_opened_by_any_password():
    assert not verify_password("the password of a user who does not exist", None)[0]
    assert not verify_password(PASSWORD, "damaged")[0]


def test_language_is_one_of_ours_or_none(database: Database, ann: int):
    with database.transaction() as session:
        service.set_language(session, ann, "pl")
        assert service.user(session, ann).language == "pl"
        with pytest.raises(BadInput):
            service.set_language(session, ann, "xx")
        service.set_language(session, ann, None)
        assert service.user(session, ann).language is None


def test_lists_leave_out_the_disabled_and_other_roles(database: Database, ann: int, now: datetime):
    with database.transaction() as session:
        bob = add(session, now)
        assert [u.id for u in repository.users(session)] == [ann, bob.id]
        assert [u.id for u in repository.users(session, roles=[Role.STAFF])] == [bob.id]
        service.disable_user(session, ann, now=now)
        assert [u.id for u in repository.users(session)] == [bob.id]
        assert repository.users_by_ids(session, [ann, 99]).keys() == {ann}


def test_a_missing_user_is_not_found(database: Database):
    with database.reading() as session:
        with pytest.raises(NotFound):
            service.user(session, 99)
        with pytest.raises(NotFound):
            service.user_by_email(session, "nobody@example.com")


def test_a_flood_of_sign_ins_waits_its_turn_or_is_sent_away(monkeypatch):
    monkeypatch.setattr(passwords, "_WAIT_S", 0.01)
    for _ in range(passwords.HASHES_AT_ONCE):
        passwords._SLOTS.acquire()
    try:
        with pytest.raises(TooManyRequests):
            verify_password(PASSWORD, None)
    finally:
        for _ in range(passwords.HASHES_AT_ONCE):
            passwords._SLOTS.release()
    verify_password(PASSWORD, None)
