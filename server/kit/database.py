"""Records: one SQLAlchemy engine, short transactions, the same on SQLite and PostgreSQL.

Only a boundary (a request, a message batch, an event handler, a command) opens a transaction; services
receive its session and never commit. One transaction writes at a time, in whichever process: SQLite
knows no more, and on PostgreSQL writers queue for one advisory lock, so that a service may decide by
what it has read (docs/decisions/0021-records-on-postgresql.md). Readers wait for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import JSON, TypeDecorator

from server.kit.errors import ConfigurationError

WRITER_TIMEOUT_MS = 15_000
"""So long a writer waits for the others, then it fails."""
FROZEN_TIMEOUT_MS = 10_000
"""PostgreSQL ends a transaction that says nothing for so long: a stopped process must not hold up all."""

_WRITERS_LOCK = 0x464F5257
"""Any number, as long as it is ours."""
_POSTGRESQL = "postgresql+psycopg"
_SQLITE_CONNECTIONS = 16
"""Kept open; checks of credentials alone take eight at once while devices come back."""


class Utc(TypeDecorator[datetime]):
    """A timestamp that is always timezone-aware UTC in Python, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a timestamp without timezone was about to be stored")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Root of all tables; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Utc(), dict[str, Any]: JSON(), list[Any]: JSON()}  # noqa: RUF012


class Database:
    """The records database; give it away, never its engine."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: Engine = _engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_immediate)
        else:
            event.listen(self.engine, "begin", _wait_for_writers)
        self._writers = sessionmaker(self.engine, expire_on_commit=False)
        self._apart = sessionmaker(
            self.engine.execution_options(apart=True), expire_on_commit=False
        )
        self._readers = sessionmaker(
            self.engine.execution_options(reading=True), expire_on_commit=False
        )

    @classmethod
    def at(cls, file: Path) -> Database:
        """The SQLite database in `file`."""
        return cls(f"sqlite:///{file}")

    @contextmanager
    def transaction(self, *, apart: bool = False) -> Iterator[Session]:
        """A session that commits when the block ends and rolls back when it raises.

        `apart` is for statements on rows that nobody else decides by: on PostgreSQL such a
        transaction does not queue with the other writers.
        """
        with (self._apart if apart else self._writers)() as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reads only; never waits for writers. What is added to it is not kept."""
        with self._readers() as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()


def _engine(url: str) -> Engine:
    """Raises ConfigurationError for an address that names no database of ours."""
    try:
        parsed = make_url(url)
        if parsed.drivername in {"postgresql", "postgres"}:
            parsed = parsed.set(drivername=_POSTGRESQL)
        if parsed.drivername not in {"sqlite", _POSTGRESQL}:
            raise ConfigurationError(
                "database_url: records are kept on postgresql://… or sqlite:///…, "
                f"not on {parsed.drivername}"
            )
        if parsed.drivername == "sqlite":
            # A file does not hang up, so no connection is tried before it is used.
            return create_engine(parsed, pool_size=_SQLITE_CONNECTIONS)
        # By settings of the session, not by SET: it costs no round trip, and a pooler may keep them.
        limits = {
            "idle_in_transaction_session_timeout": FROZEN_TIMEOUT_MS,
            "lock_timeout": WRITER_TIMEOUT_MS,
        }
        options = " ".join(f"-c {name}={value}" for name, value in limits.items())
        return create_engine(
            parsed, pool_pre_ping=True, connect_args={"options": options, "connect_timeout": 5}
        )
    except ArgumentError as error:
        raise ConfigurationError(f"database_url: {error}") from error
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"database_url: {error.name} is not installed: pip install 'forewarn[server,postgresql]'"
        ) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own BEGIN handling is switched off: `_begin_immediate` says when a write lock is
    # taken, so that two writers wait for each other instead of failing in the middle.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={WRITER_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Any) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _wait_for_writers(connection: Any) -> None:
    options = connection.get_execution_options()
    if not (options.get("reading", False) or options.get("apart", False)):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
