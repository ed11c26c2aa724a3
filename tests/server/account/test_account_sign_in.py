from datetime import datetime, timedelta

import pytest

from server.account import limiter as limits
from server.account import repository, service
from server.account.limiter import SignInLimiter
from server.kit.database import Database
from server.kit.errors import BadInput, NotFound, NotSignedIn, TooManyRequests

PASSWORD = "correct horse battery"


def sign_in(
    database, limiter, now, *, email="ann@example.com", password=PASSWORD, place="10.0.0.1"
):
    return service.sign_in(
        database, limiter, email, password, client_address=place, user_agent="test\x1b", now=now
    )


def who(database: Database, token: str, now: datetime):
    with database.reading() as session:
        found = service.viewer_for_session_token(session, token, now=now)
    return found and found[0].email


def test_the_right_password_gives_a_token_that_is_kept_only_as_a_hash(database, limiter, ann, now):
    token = sign_in(database, limiter, now, email=" ANN@example.com")
    assert who(database, token, now) == "ann@example.com"
    with database.reading() as session:
        found = repository.session_and_user(session, service.token_hash(token))
        assert found is not None
        assert token not in repr(vars(found[0]))
        assert found[0].user_agent == "test"
        assert repository.session_and_user(session, token) is None


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("\ud800@'; DROP TABLE", PASSWORD),
        ("ann@example.com", "\ud800"),
    ],
)
@pytest.mark.usefixtures("ann")
def test_wrong_pairs_all_get_the_same_answer(database, limiter, now, email, password):
    with pytest.raises(NotSignedIn) as refused:
        sign_in(database, limiter, now, email=email, password=password)
    assert refused.value.message == "the e-mail address or the password is wrong"


def test_an_unknown_address_costs_a_hash_too(database, limiter, ann, now, monkeypatch):
    checked = []
    verify = service.verify_password
    monkeypatch.setattr(
        service, "verify_password", lambda *args: checked.append(args) or verify(*args)
    )
    for email in ("ann@example.com", "nobody@example.com", "not an address"):
        with pytest.raises(NotSignedIn):
            sign_in(database, limiter, now, email=email, password="wrong")
    assert len(checked) == 3


def test_the_sixth_try_waits_even_when_it_is_right(database, limiter, ann, now):
    for _ in range(limits.TRIES_PER_ACCOUNT_AND_ADDRESS):
        with pytest.raises(NotSignedIn):
            sign_in(database, limiter, now, password="wrong")
    with pytest.raises(TooManyRequests) as refused:
        sign_in(database, limiter, now + timedelta(seconds=60))
    assert refused.value.retry_after_s == pytest.approx(limits.WINDOW_S - 60)
    # From elsewhere, and later from here, the person gets in.
    assert sign_in(database, limiter, now, place="10.0.0.2")
    assert sign_in(database, limiter, now + timedelta(seconds=limits.WINDOW_S + 1))


def test_an_account_is_guarded_against_many_places(now):
    limiter = SignInLimiter()
    for n in range(limits.TRIES_PER_ACCOUNT):
        limiter.take("ann@example.com", f"10.0.1.{n}", now=now)
    with pytest.raises(TooManyRequests):
        limiter.take("ann@example.com", "10.0.2.1", now=now)
    limiter.take("bob@example.com", "10.0.2.1", now=now)


def test_a_place_is_held_to_a_number_of_tries_over_all_accounts(now):
    limiter = SignInLimiter()
    for n in range(limits.TRIES_PER_ADDRESS):
        # One household's IPv6 network is one place.
        limiter.take(f"user{n}@example.com", f"2001:db8:1:2::{n:x}", now=now)
    with pytest.raises(TooManyRequests):
        limiter.take("another@example.com", "2001:db8:1:2:ffff::1", now=now)
    limiter.take("another@example.com", "2001:db8:1:3::1", now=now)


def test_success_forgives_earlier_slips(now):
    limiter = SignInLimiter()
    for _ in range(50):
        limiter.take("ann@example.com", "10.0.0.1", now=now)
        limiter.forgive("ann@example.com", "10.0.0.1")


def test_the_limiter_forgets_the_longest_untouched_first(now, monkeypatch):
    monkeypatch.setattr(limits, "MAX_KEYS", 6)
    limiter = SignInLimiter()
    for n in range(40):
        limiter.take(f"user{n}@example.com", f"10.0.0.{n}", now=now)
    assert len(limiter._tries) == 6


def test_sessions_end_when_idle_and_at_their_absolute_end(database, limiter, ann, now):
    token = sign_in(database, limiter, now)
    assert who(database, token, now + service.SESSION_IDLE - timedelta(seconds=1))
    assert who(database, token, now + service.SESSION_IDLE) is None
    at = now
    while at < now + service.SESSION_LIFETIME:
        assert who(database, token, at)
        with database.transaction() as session:
            service.touch_session(session, token, now=at)
        at += timedelta(days=10)
    assert who(database, token, at) is None


def test_signing_in_sweeps_sessions_that_have_ended(database, limiter, ann, now):
    old = sign_in(database, limiter, now)
    later = now + service.SESSION_IDLE
    sign_in(database, limiter, later)
    with database.reading() as session:
        assert repository.session_and_user(session, service.token_hash(old)) is None


def test_signing_out_ends_that_session_only(database, limiter, ann, now):
    phone, desk = sign_in(database, limiter, now), sign_in(database, limiter, now)
    with database.transaction() as session:
        service.sign_out(session, phone)
        service.sign_out(session, "never given out")
    assert who(database, phone, now) is None
    assert who(database, desk, now)


def test_a_new_password_ends_the_other_sessions(database, limiter, ann, now):
    phone, desk = sign_in(database, limiter, now), sign_in(database, limiter, now)
    with database.transaction() as session:
        service.change_password(session, ann, "another password", keep_session_token=desk)
    assert who(database, phone, now) is None
    assert who(database, desk, now)
    with pytest.raises(NotSignedIn):
        sign_in(database, limiter, now)
    assert sign_in(database, limiter, now, password="another password")
    with database.transaction() as session, pytest.raises(BadInput):
        service.change_password(session, ann, "short")


def test_a_disabled_user_is_out_at_once(database, limiter, ann, now):
    token = sign_in(database, limiter, now)
    with database.transaction() as session:
        _, api_token = service.create_api_token(session, ann, label="script", now=now)
        service.disable_user(session, ann, now=now)
    assert who(database, token, now) is None
    with database.reading() as session:
        assert service.viewer_for_api_token(session, api_token, now=now) is None
    with pytest.raises(NotSignedIn):
        sign_in(database, limiter, now)


def test_api_tokens_open_until_revoked_by_their_own_user(database, ann, now):
    with database.transaction() as session:
        record, token = service.create_api_token(session, ann, label="script\n", now=now)
    assert token.startswith("fw_")
    assert record.label == "script"
    with database.transaction() as session:
        found = service.viewer_for_api_token(session, token, now=now)
        assert found is not None
        assert (found[0].email, found[1]) == ("ann@example.com", record.id)
        service.touch_api_token(session, record.id, now=now)
    with database.transaction() as session:
        found = service.viewer_for_api_token(session, token, now=now)
        assert found is not None
        assert found[1] is None, "used a moment ago: nothing to write"
        with pytest.raises(NotFound):
            service.revoke_api_token(session, ann + 1, record.id, now=now)
        service.revoke_api_token(session, ann, record.id, now=now)
        assert service.viewer_for_api_token(session, token, now=now) is None
        assert [t.revoked_at for t in service.api_tokens(session, ann)] == [now]
        assert service.viewer_for_api_token(session, "fw_\ud800", now=now) is None
