"""Users, their sign-in sessions and their API tokens. Of secrets, only hashes are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Enum, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.account.viewer import Role, Viewer
from server.kit.database import Base

MAX_EMAIL = 254
MAX_NAME = 100
MAX_LABEL = 100
MAX_USER_AGENT = 200

_ROLE = Enum(
    Role, native_enum=False, length=20, values_callable=lambda roles: [r.value for r in roles]
)


class User(Base):
    """A person. `email` is lower-case; `disabled_at` shuts the account without losing its history."""

    __tablename__ = "account_user"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    email: Mapped[str] = mapped_column(String(MAX_EMAIL), unique=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    role: Mapped[Role] = mapped_column(_ROLE)
    language: Mapped[str | None] = mapped_column(String(10))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]

    def as_viewer(self) -> Viewer:
        return Viewer(self.id, self.email, self.name, self.role, self.language)


class SignInSession(Base):
    """A browser that has signed in; `id` is the SHA-256 of its cookie's token."""

    __tablename__ = "account_session"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("account_user.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    user_agent: Mapped[str] = mapped_column(String(MAX_USER_AGENT))


class ApiToken(Base):
    """A program's way in as its user; revoked tokens stay on record."""

    __tablename__ = "account_api_token"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("account_user.id"), index=True)
    label: Mapped[str] = mapped_column(String(MAX_LABEL))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
