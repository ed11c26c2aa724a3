"""The only SQL on accounts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.account.model import ApiToken, SignInSession, User
from server.account.viewer import Role


def user_by_id(session: Session, user_id: int) -> User | None:
    return session.get(User, user_id)


def user_by_email(session: Session, email: str) -> User | None:
    """`email` as stored: lower-case."""
    return session.scalar(select(User).where(User.email == email))


def users_by_ids(session: Session, user_ids: Collection[int]) -> dict[int, User]:
    """Those of `user_ids` that exist; one query for a whole list of rows."""
    if not user_ids:
        return {}
    rows = session.scalars(select(User).where(User.id.in_(user_ids)))
    return {user.id: user for user in rows}


def users(
    session: Session, *, roles: Collection[Role] | None = None, disabled: bool = False
) -> Sequence[User]:
    """Users in order of their id; those shut out only where `disabled` asks for them too."""
    query = select(User).order_by(User.id)
    if roles is not None:
        query = query.where(User.role.in_(roles))
    if not disabled:
        query = query.where(User.disabled_at.is_(None))
    return session.scalars(query).all()


def session_and_user(session: Session, session_id: str) -> tuple[SignInSession, User] | None:
    row = session.execute(
        select(SignInSession, User)
        .join(User, User.id == SignInSession.user_id)
        .where(SignInSession.id == session_id)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def touch_session(session: Session, session_id: str, at: datetime) -> None:
    session.execute(
        update(SignInSession).where(SignInSession.id == session_id).values(last_seen_at=at)
    )


def delete_session(session: Session, session_id: str) -> None:
    session.execute(delete(SignInSession).where(SignInSession.id == session_id))


def delete_sessions_of(session: Session, user_id: int, *, but: str | None = None) -> None:
    """End a user's sessions, except the one whose id is `but`."""
    query = delete(SignInSession).where(SignInSession.user_id == user_id)
    session.execute(query if but is None else query.where(SignInSession.id != but))


def delete_sessions_ended(session: Session, *, expired_at: datetime, idle_since: datetime) -> None:
    session.execute(
        delete(SignInSession).where(
            (SignInSession.expires_at <= expired_at) | (SignInSession.last_seen_at <= idle_since)
        )
    )


def token_and_user(session: Session, token_hash: str) -> tuple[ApiToken, User] | None:
    row = session.execute(
        select(ApiToken, User)
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.token_hash == token_hash)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def token_by_id(session: Session, token_id: int) -> ApiToken | None:
    return session.get(ApiToken, token_id)


def tokens_of(session: Session, user_id: int) -> Sequence[ApiToken]:
    """Newest first, revoked ones too."""
    return session.scalars(
        select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())
    ).all()


def touch_token(session: Session, token_id: int, at: datetime) -> None:
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=at))


def revoke_tokens_of(session: Session, user_id: int, at: datetime) -> None:
    session.execute(
        update(ApiToken)
        .where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=at)
    )
