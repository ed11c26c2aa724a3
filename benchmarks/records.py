"""Writing transactions a second on the records: SQLite beside PostgreSQL, both with fsync on.

Each transaction reads a device, decides and writes it. `queued` is what services do (one writer at a time,
on PostgreSQL by an advisory lock); `apart` is what the pipeline does past that queue, each writer on rows
of its own. On SQLite both are the same.

    python benchmarks/records.py [--seconds 3] [--out benchmarks/results/records.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from server.device import service as devices
from server.kit.clock import SystemClock
from server.kit.database import Database
from server.migrations import upgrade
from tests.conftest import program
from tests.postgresql import PostgresServer

WRITERS = (1, 4, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="length of each measurement")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    given = parser.parse_args()
    report: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "unit": "transactions/s",
    }
    with tempfile.TemporaryDirectory() as folder:
        report["sqlite"] = measure(f"sqlite:///{folder}/records.sqlite3", given.seconds)
    initdb = program("postgresql")
    if initdb is None:
        sys.exit("PostgreSQL is not installed")
    server = PostgresServer(initdb.parent)
    try:
        report["postgresql"] = measure(server.start().create("records"), given.seconds)
    finally:
        server.stop()
    text = json.dumps(report, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


def measure(url: str, seconds: float) -> dict[str, dict[str, int]]:
    opened = [Database(url) for _ in range(max(WRITERS))]
    upgrade(opened[0])
    now = SystemClock().now()
    with opened[0].transaction() as session:
        for number in range(len(opened)):
            devices.add_device(session, device_id=f"d{number}", now=now)
    found = {
        name: {str(count): rate(opened[:count], seconds, apart=apart) for count in WRITERS}
        for name, apart in (("queued", False), ("apart", True))
    }
    for database in opened:
        database.close()
    return found


def rate(writers: list[Database], seconds: float, *, apart: bool) -> int:
    done = [0] * len(writers)
    until_s = time.monotonic() + seconds

    def write(number: int) -> None:
        while time.monotonic() < until_s:
            with writers[number].transaction(apart=apart) as session:
                device = devices.device(session, f"d{number}")
                device.name = str(done[number])
            done[number] += 1

    threads = [threading.Thread(target=write, args=(n,)) for n in range(len(writers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(sum(done) / seconds)


if __name__ == "__main__":
    main()
