"""kill -9 of a broker node, a worker and the database, one after another, under load: nothing is lost,
nothing counted twice, and the findings are those of one process in which nothing happened."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.cluster.installation import Installation, installed
from tests.e2e.cluster.load import Device, Load, Sample, expected, readings
from tests.e2e.product import Product, all_items, wait_until
from tests.e2e.publisher import Publisher

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.needs("postgresql", "victoria-metrics"),
]

DEVICES = ("pump-1", "pump-2", "pump-3", "pump-4")
ROUNDS = 4 if os.environ.get("LONG_TESTS") == "1" else 1
KILLS = ("node", "worker", "database") * ROUNDS
PACKS = 200 * ROUNDS
ADMIN = "admin@example.org"
GUARD_S = 60.0
"""A hang guard; what it took is told at the end of the run."""


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, needs: Callable[[str], Path]
) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("cluster"), needs) as made:
        made.add_user(ADMIN, "admin")
        yield made


@pytest.fixture(scope="module")
def token(cluster: Installation) -> str:
    return cluster.token(ADMIN)


class Harm:
    """Kills a part in the middle of a stage, and puts it back when its loss has been made good."""

    def __init__(self, cluster: Installation) -> None:
        self.cluster = cluster
        self.taken_over_s: list[float] = []
        self._nodes = 0

    def do(self, what: str) -> None:
        getattr(self, f"_kill_{what}")()

    def _kill_node(self) -> None:
        node = self.cluster.nodes[self._nodes % len(self.cluster.nodes)]
        self._nodes += 1
        node.kill()
        time.sleep(2)  # the others are alone for a while, under load
        node.start()

    def _kill_worker(self) -> None:
        worker = self.cluster.worker_of(self.cluster.holders()["partition 0/4"])
        name = self.cluster.holders()["partition 0/4"]
        worker.kill()
        killed_s = time.monotonic()
        wait_until(lambda: self._all_but(name), "the take-over", timeout_s=GUARD_S)
        self.taken_over_s.append(time.monotonic() - killed_s)
        worker.start()

    def _all_but(self, name: str) -> bool:
        holders = self.cluster.holders()
        return len(holders) == 6 and name not in holders.values()

    def _kill_database(self) -> None:
        self.cluster.postgres.kill()
        time.sleep(2)
        self.cluster.postgres.start()


def run_cluster(cluster: Installation, start_s: float, harm: Harm, token: str) -> list[int]:
    killed_at = []
    with ExitStack() as stack:
        devices = [
            stack.enter_context(
                Device(cluster.mqtt_ports, name, cluster.add_device(name), first=number)
            )
            for number, name in enumerate(DEVICES)
        ]
        load = Load(devices, PACKS, len(KILLS) + 1, start_s)
        for stage, what in enumerate(KILLS):
            load.release(stage)
            killed_at.append(load.wait_half(stage))
            harm.do(what)
        load.release(len(KILLS))
        load.finish()
        wait_stored(cluster.webs[0], token, start_s)
    return killed_at


def wait_stored(web: Any, token: str, start_s: float) -> None:
    with web.api(token) as client:
        for device in DEVICES:
            last_s = readings(device, PACKS - 1, start_s)[-1][2]
            wait_until(
                lambda d=device, s=last_s: _has_until(client, d, s), f"{device} to be stored"
            )


def _has_until(client: httpx.Client, device: str, time_s: float) -> bool:
    answer = client.get(
        f"/api/v1/devices/{device}/telemetry",
        params={"metric": "motor/current", "from": time_s - 1, "to": time_s + 1, "points": 1},
    )
    return answer.status_code == 200 and bool(answer.json()["times_s"])


def run_calm(product: Product, start_s: float) -> list[tuple[Any, ...]]:
    """The same load on one process with everything in it; its findings."""
    product.add_user(ADMIN, "admin")
    with ExitStack() as stack:
        devices = [
            stack.enter_context(Calm(product, name, product.add_device(name))).wait_connected()
            for name in DEVICES
        ]
        load = Load(devices, PACKS, 1, start_s)
        load.release(0)
        load.finish()
    wait_stored(product, product.token(ADMIN), start_s)
    assert product.stop() == 0
    with sqlite3.connect(product.data_dir / "records.sqlite3") as records:
        return [comparable(row) for row in records.execute(FINDINGS)]


class Calm(Publisher):
    @property
    def name(self) -> str:
        return self.device_id

    def publish(self, payload: bytes, *arguments: Any, **options: Any) -> None:
        super().publish(payload, *arguments, **options)
        self.wait_acknowledged()


FINDINGS = """
SELECT id, device_id, kind, metrics, onset_at, detected_at, ended_at, sentence FROM finding
ORDER BY id
"""
INCIDENTS = """
SELECT device_id, kind, severity, onset_at, leading_finding_id, count(*) FROM incident
WHERE state = 'open' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1
"""


def comparable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The two databases hand out times and JSON in their own ways."""
    return tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("["):
        return json.loads(value)
    if isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-":
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value


def test_nothing_is_lost_or_counted_twice_whatever_is_killed(
    cluster: Installation,
    token: str,
    forewarn_up: Callable[..., Product],
    tell: Callable[[str], None],
) -> None:
    start_s = float(int(time.time()) - 3 * 86_400 - ROUNDS * PACKS * 60)
    harm = Harm(cluster)
    began_s = time.monotonic()
    killed_at = run_cluster(cluster, start_s, harm, token)
    took_s = time.monotonic() - began_s

    wanted = expected(DEVICES, PACKS, start_s)
    stored: Counter[Sample] = Counter(cluster.samples())
    lost, twice = wanted - stored, stored - wanted
    kills = ", ".join(f"{w} at {n}" for w, n in zip(KILLS, killed_at, strict=True))
    tell(
        f"kill -9 of {kills} of {PACKS * len(DEVICES)} PUBACKs in {took_s:.0f} s: "
        f"{wanted.total()} samples sent, {stored.total()} stored, "
        f"{lost.total()} lost, {twice.total()} twice"
    )
    tell(f"take-over from a killed worker: {', '.join(f'{s:.1f} s' for s in harm.taken_over_s)}")
    assert lost == Counter()
    assert twice == Counter()
    with cluster.webs[1].api(token) as client:
        assert all_items(client, "/api/v1/quarantine") == []

    calm = run_calm(forewarn_up(), start_s)
    assert {row[1] for row in calm} == set(DEVICES)
    assert [comparable(row) for row in cluster.rows(FINDINGS)] == calm
    assert [row[0] for row in cluster.rows(INCIDENTS)] == list(DEVICES)
    assert {row[5] for row in cluster.rows(INCIDENTS)} == {1}
