"""Decisions on accounts: who may exist, who may sign in, which token stands for whom."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.account import repository
from server.account.limiter import SignInLimiter
from server.account.model import (
    MAX_EMAIL,
    MAX_LABEL,
    MAX_NAME,
    MAX_USER_AGENT,
    ApiToken,
    SignInSession,
    User,
)
from server.account.passwords import hash_password, verify_password
from server.account.viewer import LANGUAGES, Role, Viewer
from server.kit.database import Database
from server.kit.errors import BadInput, Conflict, NotFound, NotSignedIn
from server.kit.text import one_line

SESSION_LIFETIME = timedelta(days=90)
SESSION_IDLE = timedelta(days=30)
"""An owner looks when something is wrong, which is seldom: a phone stays signed in for a month."""
TOUCH_INTERVAL = timedelta(minutes=5)
"""How stale `last_seen_at` and `last_used_at` may be, so that a page view is rarely a write."""

API_TOKEN_PREFIX = "fw_"  # noqa: S105 - lets secret scanners know ours; not a secret

_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)


def normal_email(email: str) -> str:
    """The form in which an address is kept; raises BadInput for what can't be one."""
    normal = email.strip().lower()
    if len(normal) > MAX_EMAIL:
        raise BadInput("email", f"must have at most {MAX_EMAIL} characters")
    if not _EMAIL.fullmatch(normal):
        raise BadInput("email", "must look like name@example.com")
    return normal


def add_user(
    session: Session, *, email: str, name: str, role: Role, password: str | None, now: datetime
) -> User:
    """A new user; without a password he can't sign in by one. Raises BadInput, Conflict."""
    normal = normal_email(email)
    if repository.user_by_email(session, normal) is not None:
        raise Conflict(f"there is already a user {normal}")
    user = User(
        email=normal,
        name=_name(name),
        role=role,
        password_hash=None if password is None else hash_password(password),
        created_at=now,
    )
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:  # another process was quicker
        raise Conflict(f"there is already a user {normal}") from error
    return user


def user(session: Session, user_id: int) -> User:
    """Raises NotFound."""
    found = repository.user_by_id(session, user_id)
    if found is None:
        raise NotFound("no such user")
    return found


def user_by_email(session: Session, email: str) -> User:
    """Raises BadInput, NotFound."""
    found = repository.user_by_email(session, normal_email(email))
    if found is None:
        raise NotFound(f"there is no user {normal_email(email)}")
    return found


def change_password(
    session: Session, user_id: int, password: str, *, keep_session_token: str | None = None
) -> None:
    """Set a new password and end the user's sessions, except the one that asked for it."""
    changed = user(session, user_id)
    changed.password_hash = hash_password(password)
    kept = token_hash(keep_session_token) if keep_session_token else None
    repository.delete_sessions_of(session, user_id, but=kept)


def rename_user(session: Session, user_id: int, name: str) -> None:
    user(session, user_id).name = _name(name)


def set_language(session: Session, user_id: int, language: str | None) -> None:
    """None goes back to what the browser wishes."""
    if language is not None and language not in LANGUAGES:
        raise BadInput("language", f"must be one of {', '.join(LANGUAGES)}")
    user(session, user_id).language = language


def disable_user(session: Session, user_id: int, *, now: datetime) -> None:
    """Shut the account: its sessions and tokens end at once, its history stays."""
    shut = user(session, user_id)
    shut.disabled_at = shut.disabled_at or now
    repository.delete_sessions_of(session, user_id)
    repository.revoke_tokens_of(session, user_id, now)


def sign_in(
    database: Database,
    limiter: SignInLimiter,
    email: str,
    password: str,
    *,
    client_address: str,
    user_agent: str,
    now: datetime,
) -> str:
    """The raw token for the session cookie. Raises NotSignedIn, TooManyRequests.

    Takes the database instead of a session: argon2 is slow on purpose, and must not run inside a
    transaction that makes every other writer wait. An unknown address costs the same as a known one.
    """
    account = email.strip().lower()[:MAX_EMAIL]
    limiter.take(account, client_address, now=now)
    with database.reading() as session:
        found = repository.user_by_email(session, account) if _EMAIL.fullmatch(account) else None
    right, fresh_hash = verify_password(password, found.password_hash if found else None)
    if found is None or not right or found.disabled_at is not None:
        raise NotSignedIn("the e-mail address or the password is wrong")
    limiter.forgive(account, client_address)
    with database.transaction() as session:
        if fresh_hash is not None:
            user(session, found.id).password_hash = fresh_hash
        return open_session(session, found.id, user_agent=user_agent, now=now)


def open_session(session: Session, user_id: int, *, user_agent: str, now: datetime) -> str:
    """The raw token of a new session of a user who has proved himself; sweeps ended sessions."""
    repository.delete_sessions_ended(session, expired_at=now, idle_since=now - SESSION_IDLE)
    token = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            id=token_hash(token),
            user_id=user_id,
            created_at=now,
            expires_at=now + SESSION_LIFETIME,
            last_seen_at=now,
            user_agent=one_line(user_agent, limit=MAX_USER_AGENT),
        )
    )
    return token


def sign_out(session: Session, token: str) -> None:
    """End the session of `token`; one that is already gone is no error."""
    repository.delete_session(session, token_hash(token))


def viewer_for_session_token(
    session: Session, token: str, *, now: datetime
) -> tuple[Viewer, bool] | None:
    """(who, is a `touch_session` due?) or None for a token that opens nothing."""
    found = repository.session_and_user(session, token_hash(token))
    if found is None:
        return None
    sign_in_session, who = found
    idle_until = sign_in_session.last_seen_at + SESSION_IDLE
    if now >= min(idle_until, sign_in_session.expires_at) or who.disabled_at is not None:
        return None
    return who.as_viewer(), now - sign_in_session.last_seen_at >= TOUCH_INTERVAL


def touch_session(session: Session, token: str, *, now: datetime) -> None:
    repository.touch_session(session, token_hash(token), now)


def create_api_token(
    session: Session, user_id: int, *, label: str, now: datetime
) -> tuple[ApiToken, str]:
    """(record, raw token); the raw token can't be shown again. Raises NotFound, Conflict."""
    if user(session, user_id).disabled_at is not None:
        raise Conflict("the user is disabled")
    token = API_TOKEN_PREFIX + secrets.token_urlsafe(32)
    record = ApiToken(
        token_hash=token_hash(token),
        user_id=user_id,
        label=one_line(label, limit=MAX_LABEL),
        created_at=now,
    )
    session.add(record)
    session.flush()
    return record, token


def viewer_for_api_token(
    session: Session, token: str, *, now: datetime
) -> tuple[Viewer, int | None] | None:
    """(who, id of the token record where a `touch_api_token` is due) or None."""
    found = repository.token_and_user(session, token_hash(token))
    if found is None:
        return None
    record, who = found
    if record.revoked_at is not None or who.disabled_at is not None:
        return None
    stale = record.last_used_at is None or now - record.last_used_at >= TOUCH_INTERVAL
    return who.as_viewer(), record.id if stale else None


def touch_api_token(session: Session, token_id: int, *, now: datetime) -> None:
    repository.touch_token(session, token_id, now)


def api_tokens(session: Session, user_id: int) -> Sequence[ApiToken]:
    return repository.tokens_of(session, user_id)


def revoke_api_token(session: Session, user_id: int, token_id: int, *, now: datetime) -> None:
    """Raises NotFound also for another user's token."""
    record = repository.token_by_id(session, token_id)
    if record is None or record.user_id != user_id:
        raise NotFound("no such token")
    record.revoked_at = record.revoked_at or now


def token_hash(token: str) -> str:
    """SHA-256 is enough for 256 random bits: nothing to guess, so nothing to slow down."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def _name(name: str) -> str:
    clean = one_line(name, limit=MAX_NAME + 1)
    if not clean:
        raise BadInput("name", "must not be empty")
    if len(clean) > MAX_NAME:
        raise BadInput("name", f"must have at most {MAX_NAME} characters")
    return clean
