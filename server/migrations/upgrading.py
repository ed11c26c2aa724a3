"""Runs the steps that a database lacks, all in one transaction, whoever else starts at the same time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from server.kit.database import Database
from server.kit.errors import DataDirectoryError

log = logging.getLogger(__name__)

_HERE = Path(__file__).resolve().parent
_LOCK = 0x464F5245
"""Any number, as long as it is ours: PostgreSQL's advisory lock for those who upgrade."""


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's, without a file: the steps lie in this package, also inside an installed wheel."""
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def upgrade(database: Database) -> None:
    """Bring the records to this version. Raises DataDirectoryError for those of a newer one.

    Either all missing steps are done or none is.
    """
    steps = ScriptDirectory.from_config(configuration())
    with (
        database.engine.execution_options(apart=True).connect() as connection,
        _foreign_keys_off(connection),
        connection.begin(),
    ):
        if connection.dialect.name == "postgresql":
            # A step over many rows takes its time, and so does waiting for whoever does it.
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        current = MigrationContext.configure(connection).get_current_heads()
        _refuse_newer(database, steps, current)
        if set(current) == set(steps.get_heads()):
            return
        log.info("records: upgrading from %s", ", ".join(current) or "nothing")
        command.upgrade(configuration(connection), "heads")
        _check_foreign_keys(connection)


def revision_of(database: Database) -> str | None:
    """The step that the records are at; None before the first."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(database: Database, steps: ScriptDirectory, current: tuple[str, ...]) -> None:
    known = {step.revision for step in steps.walk_revisions()}
    unknown = sorted(set(current) - known)
    if unknown:
        where = database.engine.url.render_as_string(hide_password=True)
        newest = ", ".join(steps.get_heads()) or "none"
        raise DataDirectoryError(
            f"the records in {where} were written by a newer Forewarn (revision "
            f"{', '.join(unknown)}, this one knows up to {newest}); "
            "upgrade, or restore a backup of before"
        )


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """SQLite changes a column by rebuilding its table; dropping the old one must not cascade."""
    if connection.dialect.name != "sqlite":
        yield
        return
    # The pragma is ignored inside a transaction, so it goes around SQLAlchemy, which begins one.
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"an upgrade left rows that refer to nothing: {broken[:5]}")
