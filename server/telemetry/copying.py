"""One moment of the DuckDB file, copied into another file while the store goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from server.telemetry.segments import read_all, rows_of

_ALIAS: Final = "copied"
_TABLES: Final = ("series", "stream_position", "segment", "newest", "forgotten")


class FrozenFile:
    """From its making on it sees the store as it was then. Close it soon: the file grows meanwhile.

    connection : a cursor of its own; file : does not exist yet
    """

    def __init__(self, connection: Any, file: Path) -> None:
        self._connection = connection
        path = str(file).replace("'", "''")
        connection.execute(f"ATTACH '{path}' AS {_ALIAS}")
        connection.begin()
        # The first read fixes what the transaction sees.
        self._segments = read_all(connection)

    def copy(self, tell: Callable[[float], None]) -> None:
        """Write the file; `tell` hears the share done, 0..1. Whatever thread."""
        connection = self._connection
        tables = [*_TABLES, *(segment.table for segment in self._segments)]
        rows = {table: rows_of(connection, table) for table in tables}
        total, done = sum(rows.values()) or 1, 0
        for table in tables:
            # In the order of the rows: `Segment.rolled` counts on it.
            connection.execute(f"CREATE TABLE {_ALIAS}.{table} AS FROM {table}")
            done += rows[table]
            tell(done / total)
        connection.commit()
        connection.execute(f"CHECKPOINT {_ALIAS}")

    def close(self) -> None:
        with contextlib.suppress(Exception):  # committed already, or broken: either way it is over
            self._connection.rollback()
        try:
            self._connection.execute(f"DETACH {_ALIAS}")
        finally:
            self._connection.close()
