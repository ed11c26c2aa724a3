"""What Alembic runs: always on a connection that `upgrading` or `scripts/new_migration.py` opened."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Enum

from server.kit.database import Base, Utc
from server.migrations.models import import_all


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Steps name plain column types, so that they stay true when our own types change."""
    if kind == "type" and isinstance(item, Utc):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum) and not item.native_enum:
        return f"sa.String(length={item.length})"
    return False


def run() -> None:
    import_all()
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
