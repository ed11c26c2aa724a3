"""A fleet as load against a product, and the sums at both ends. Nothing of ours is imported."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.product import BIN, HANG_GUARD_S, Product, environment, wait_until
from tests.e2e.publisher import Publisher, pack
from tests.e2e.samples import stored_samples

LONG = os.environ.get("LONG_TESTS") == "1"
"""The long forms of these tests; the short ones run always."""
ADMIN = "admin@example.org"
_MARKER = "marker"


class Fleet:
    """One run of `forewarn bench fleet`; `result` is what it printed."""

    def __init__(self, product: Product, *, devices: int, prefix: str = "load", **options: Any):
        command = [BIN / "forewarn", "bench", "fleet", "--data-dir", product.data_dir]
        given = {"devices": devices, "prefix": prefix, **options}
        command += [word for name, value in given.items() for word in (_option(name), str(value))]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )

    def result(self, *, timeout_s: float = HANG_GUARD_S) -> dict[str, Any]:
        """Waits for its end; fails the test unless everything was acknowledged."""
        output, errors = self._process.communicate(timeout=timeout_s)
        assert self._process.returncode == 0, f"bench fleet: {output}{errors[-2000:]}"
        found: dict[str, Any] = json.loads(output)
        return found

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        if self.running:
            self._process.kill()
            self._process.communicate()


def wait_flowing(product: Product) -> None:
    """The load has begun: samples are stored."""
    name = 'forewarn_samples_total{outcome="stored"}'
    wait_until(lambda: metric(product, name) > 50, "the first samples", every_s=0.1)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


@contextlib.contextmanager
def fleet(product: Product, *, devices: int, **options: Any) -> Iterator[Fleet]:
    """A fleet under way; gone at the end whatever happens."""
    started = Fleet(product, devices=devices, **options)
    try:
        yield started
    finally:
        started.end()


@dataclass(frozen=True)
class Kept:
    """What a stopped product has on disk of devices whose ids begin alike."""

    samples: int
    distinct: int
    quarantined: int
    incidents: int
    tickets: int


class Desk:
    """An administrator's way to look at a product, and a last message to wait for."""

    def __init__(self, product: Product, *devices: str) -> None:
        """Adds `devices`, all at once; `secrets` has their passwords."""
        self.product = product
        product.add_user(ADMIN, "admin")
        self._token = product.token(ADMIN)
        table = "\n".join(("device_id", _MARKER, *devices))
        lines = product.cli("device", "import", "-", text=table).splitlines()
        self.secrets = {row["device_id"]: row["password"] for row in map(json.loads, lines)}

    def get(self, path: str, **query: Any) -> Any:
        """The answer's JSON; None for a 404."""
        with self.product.api(self._token) as client:
            answer = client.get(path, params=query)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    def settle(self, *, timeout_s: float = HANG_GUARD_S) -> None:
        """Everything acknowledged so far is stored and on record: a message sent now is, the last."""
        sent_s = time.time()

        def stored() -> bool:
            found = self.get(f"/api/v1/devices/{_MARKER}")["latest"]
            return bool(found) and float(found[0]["value"]) == round(sent_s, 3)

        with Publisher(self.product, _MARKER, self.secrets[_MARKER]) as marker:
            marker.wait_connected()
            marker.publish(pack([("marker", "s", sent_s, round(sent_s, 3))]))
            marker.wait_acknowledged(timeout_s=timeout_s)
            wait_until(stored, "the last message to be stored", timeout_s=timeout_s, every_s=0.1)

    def stored(self, device_id: str, metric_name: str) -> int:
        """Samples of one metric."""
        day_s = time.time() + 86_400
        answer = self.get(
            f"/api/v1/devices/{device_id}/telemetry",
            **{"metric": metric_name, "from": 0, "to": day_s, "points": 1},
        )
        return sum(answer["count"]) if answer else 0


def kept(data_dir: Path, prefix: str) -> Kept:
    """Of a product that is stopped."""
    found = [row[:3] for row in stored_samples(data_dir) if row[0].startswith(prefix)]
    return Kept(len(found), len(set(found)), *counted(data_dir, prefix))


def counted(data_dir: Path, prefix: str) -> tuple[int, int, int]:
    """(messages quarantined, incidents, tickets) of devices whose ids begin alike; at any time."""
    queries = (
        "SELECT coalesce(sum(messages), 0) FROM quarantined_message WHERE device_id LIKE ?",
        "SELECT count(*) FROM incident WHERE device_id LIKE ?",
        "SELECT count(*) FROM ticket WHERE device_id LIKE ?",
    )
    file = data_dir / "records.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as records:
        found = [records.execute(query, [f"{prefix}%"]).fetchone()[0] for query in queries]
    return found[0], found[1], found[2]


def metric(product: Product, name: str) -> float:
    """One sample of the server's own /metrics, by its full name with labels; 0 if not there yet."""
    with product.api() as client:
        for line in client.get("/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
    return 0.0
