import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from server.kit.database import Base, Database
from server.kit.errors import DataDirectoryError
from server.migrations import upgrade
from server.migrations.models import import_all


@pytest.fixture
def fresh(tmp_path: Path):
    """Records that no version has touched yet."""
    database = Database.at(tmp_path / "fresh.sqlite3")
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
    with fresh.engine.connect() as connection:
        before = connection.execute(text("SELECT sql FROM sqlite_master ORDER BY name")).all()
    upgrade(fresh)
    with fresh.engine.connect() as connection:
        after = connection.execute(text("SELECT sql FROM sqlite_master ORDER BY name")).all()
    assert after == before


def test_foreign_keys_hold_after_upgrading(fresh: Database):
    upgrade(fresh)
    with fresh.transaction() as session:
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_records_of_a_newer_version_are_refused_and_untouched(fresh: Database):
    with fresh.transaction() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        session.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    with pytest.raises(DataDirectoryError) as refused:
        upgrade(fresh)
    assert "newer Forewarn (revision 9999" in refused.value.message
    assert str(fresh.url).removeprefix("sqlite:///") in refused.value.message
    assert inspect(fresh.engine).get_table_names() == ["alembic_version"]


def test_two_that_start_at_once_do_not_trip_over_each_other(tmp_path: Path):
    failures: list[BaseException] = []

    def start() -> None:
        database = Database.at(tmp_path / "shared.sqlite3")
        try:
            upgrade(database)
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
