"""Takes over the file of versions before rollups, which kept all samples in one table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from server.telemetry.rolling import transaction
from server.telemetry.segments import Segment, create, span_us

log = logging.getLogger(__name__)


def adopt(connection: Any, kept_s: Mapping[int, int], new_id: Callable[[], int]) -> None:
    """Move the samples of the table `sample`, if there is one, into segments; all or nothing.

    kept_s : series → seconds for which it is kept
    """
    found = connection.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_name = 'sample'"
    ).fetchone()
    if not found[0]:
        return
    log.info("the telemetry file is brought to the layout with rollups; this happens once")
    with transaction(connection):
        for seconds in sorted(set(kept_s.values())):
            of_it = ", ".join(str(number) for number, kept in kept_s.items() if kept == seconds)
            span = span_us(0, seconds)
            begins = connection.execute(
                f"SELECT DISTINCT time_us // {span} * {span} FROM sample "  # noqa: S608
                f"WHERE series IN ({of_it}) ORDER BY 1"
            ).fetchall()
            for (begin_us,) in begins:
                segment = Segment(new_id(), 0, seconds, begin_us, span)
                create(connection, segment)
                connection.execute(
                    f"INSERT INTO {segment.table} SELECT series, time_us, value FROM sample "  # noqa: S608
                    f"WHERE series IN ({of_it}) AND time_us >= {begin_us} "
                    f"AND time_us < {segment.end_us}"
                )
        connection.execute("DROP TABLE sample")
