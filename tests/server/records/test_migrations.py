import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, func, inspect, select, text

from server.kit.database import Base, Database
from server.kit.errors import DataDirectoryError
from server.migrations import upgrade
from server.migrations.models import import_all
from server.migrations.upgrading import configuration

STEPS = [step.revision for step in ScriptDirectory.from_config(configuration()).walk_revisions()]
OF_OURS = {"alembic_version"}


@pytest.fixture
def fresh(records_url: str) -> Iterator[Database]:
    """Records that no version has touched yet."""
    database = Database(records_url)
    yield database
    database.close()


def test_the_steps_lead_to_what_the_models_say(fresh: Database):
    import_all()
    upgrade(fresh)
    with fresh.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_every_feature_with_tables_is_found():
    import_all()
    features = {"account_user", "device", "command", "quarantined_message", "outbox_event"}
    assert features <= set(Base.metadata.tables)


def test_upgrading_again_changes_nothing(fresh: Database):
    upgrade(fresh)
    before = shape(fresh)
    upgrade(fresh)
    assert shape(fresh) == before


def shape(database: Database) -> dict[str, list[str]]:
    found = inspect(database.engine)
    return {
        table: [
            *(f"{c['name']} {c['type']} {c['nullable']}" for c in found.get_columns(table)),
            *(f"{i['name']} {i['column_names']} {i['unique']}" for i in found.get_indexes(table)),
            *(f"{k['name']} {k['referred_table']}" for k in found.get_foreign_keys(table)),
        ]
        for table in found.get_table_names()
    }


@pytest.mark.parametrize("revision", STEPS)
def test_every_earlier_version_comes_up_with_its_rows(fresh: Database, revision: str):
    with fresh.engine.begin() as connection:
        command.upgrade(configuration(connection), revision)
        filled = fill(connection)
    upgrade(fresh)
    with fresh.engine.connect() as connection:
        import_all()
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        now = MetaData()
        now.reflect(connection)
        kept = {
            name: connection.scalar(select(func.count()).select_from(now.tables[name]))
            for name in filled
        }
    assert kept == dict.fromkeys(filled, 1)


def fill(connection: Connection) -> list[str]:
    """One row in every table, as far as the database itself asks for values; the tables' names."""
    found = MetaData()
    found.reflect(connection)
    rows: dict[str, dict[str, Any]] = {}
    for table in found.sorted_tables:
        if table.name not in OF_OURS:
            rows[table.name] = row_for(table, rows)
            connection.execute(table.insert().values(rows[table.name]))
    return list(rows)


def row_for(table: Table, rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.foreign_keys:
            target = next(iter(column.foreign_keys)).column
            of_other = rows.get(target.table.name, {})
            if target.name in of_other:
                row[column.name] = of_other[target.name]
                continue
        if not column.nullable:
            row[column.name] = a_value(column.type)
    return row


def a_value(kind: Any) -> object:
    values = {
        int: 1, str: "x", float: 0.5, bool: True, bytes: b"x", dict: {},
        datetime: datetime(2026, 1, 1, tzinfo=UTC), date: date(2026, 1, 1),
    }  # fmt: skip
    return values[dict if "JSON" in str(kind) else kind.python_type]


def test_foreign_keys_hold_after_upgrading(fresh: Database):
    upgrade(fresh)
    if fresh.engine.dialect.name == "sqlite":
        with fresh.transaction() as session:
            assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_records_of_a_newer_version_are_refused_and_untouched(fresh: Database):
    with fresh.transaction() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        session.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    with pytest.raises(DataDirectoryError) as refused:
        upgrade(fresh)
    assert "newer Forewarn (revision 9999" in refused.value.message
    assert fresh.engine.url.render_as_string(hide_password=True) in refused.value.message
    assert inspect(fresh.engine).get_table_names() == ["alembic_version"]


def test_several_that_start_at_once_do_not_trip_over_each_other(records_url: str):
    failures: list[BaseException] = []

    def start() -> None:
        database = Database(records_url)
        try:
            upgrade(database)
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
