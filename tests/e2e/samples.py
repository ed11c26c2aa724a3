"""Raw samples as they lie in the embedded store's file, read without anything of ours."""

from __future__ import annotations

from pathlib import Path

import duckdb


def stored_samples(data_dir: Path) -> list[tuple[str, str, int, float]]:
    """(device id, metric, Unix microseconds, value) of each; no server may run on the directory."""
    with duckdb.connect(str(data_dir / "telemetry.duckdb"), read_only=True) as connection:
        tables = connection.execute("SELECT id FROM segment WHERE level = 0").fetchall()
        if not tables:
            return []
        union = " UNION ALL ".join(f"SELECT series, time_us, value FROM s{t}" for (t,) in tables)
        return connection.execute(
            "SELECT device_id, metric, time_us, value "
            f"FROM ({union}) raw JOIN series ON series.id = raw.series"
        ).fetchall()
