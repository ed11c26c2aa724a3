"""kill -9 of the server and of the broker under load: nothing acknowledged is lost or counted twice,
and the findings are those of a run in which nothing happened."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from tests.e2e.product import Product, all_items, wait_until
from tests.e2e.publisher import Publisher, pack

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

DEVICES = ("pump-1", "pump-2", "pump-3", "pump-4")
IN_ORDER = ("pump-1", "pump-2")
"""One message on its way at a time, so that redelivery can't change the order of their samples."""
PACKS, SAMPLES, STEP_S = 300, 10, 5.0
PAUSE_S = 0.02
ADMIN = "admin@example.org"

Sample = tuple[str, str, int, float]
"""device, metric, microseconds, value"""


def readings(device: str, number: int, start_s: float) -> list[tuple[str, str, float, float]]:
    """Humidity that leaves the possible for a while, twice, and a current that wanders."""
    random = Random(f"{device} {number}")
    found = []
    for index in range(SAMPLES):
        time_s = start_s + (number * SAMPLES + index) * STEP_S
        impossible = number % 100 in range(60, 66) and device in IN_ORDER
        humidity = 140.0 if impossible else 55 + random.gauss(0, 1)
        found.append(("room/humidity", "%RH", time_s, round(humidity, 3)))
        found.append(("motor/current", "A", time_s, round(4 + random.gauss(0, 0.1), 4)))
    return found


def expected(start_s: float) -> Counter[Sample]:
    return Counter(
        (device, name, round(time_s * 1e6), value)
        for device in DEVICES
        for number in range(PACKS)
        for name, _unit, time_s, value in readings(device, number, start_s)
    )


def stored(product: Product) -> Counter[Sample]:
    with duckdb.connect(str(product.data_dir / "telemetry.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT device_id, metric, time_us, value FROM sample JOIN series ON series.id = sample.series"
        ).fetchall()
    return Counter((str(d), str(m), int(t), float(v)) for d, m, t, v in rows)


def findings(product: Product) -> list[tuple[Any, ...]]:
    with sqlite3.connect(
        f"file:{product.data_dir / 'records.sqlite3'}?mode=ro", uri=True
    ) as records:
        return records.execute(
            "SELECT id, device_id, kind, metrics, onset_at, detected_at, ended_at, sentence FROM finding"
            " WHERE device_id IN (?, ?) ORDER BY id",
            IN_ORDER,
        ).fetchall()


def incidents(product: Product) -> list[tuple[Any, ...]]:
    with sqlite3.connect(
        f"file:{product.data_dir / 'records.sqlite3'}?mode=ro", uri=True
    ) as records:
        return records.execute(
            "SELECT device_id, count(*) FROM incident WHERE device_id IN (?, ?) GROUP BY device_id"
            " ORDER BY device_id",
            IN_ORDER,
        ).fetchall()


def run(
    product: Product, start_s: float, disturb: Callable[[Callable[[], int]], None] | None
) -> None:
    """Publish everything, wait until it is all processed, stop."""
    product.add_user(ADMIN, "admin")
    token = product.token(ADMIN)
    publishers = [
        Publisher(
            product, device, product.add_device(device), inflight=1 if device in IN_ORDER else 20
        )
        for device in DEVICES
    ]
    threads = [threading.Thread(target=_publish, args=(p, start_s)) for p in publishers]
    for publisher in publishers:
        publisher.__enter__()
        publisher.wait_connected()
    try:
        for thread in threads:
            thread.start()
        if disturb is not None:
            disturb(lambda: sum(p.acknowledged for p in publishers))
        for thread in threads:
            thread.join()
        for publisher in publishers:
            publisher.wait_acknowledged()
    finally:
        for publisher in publishers:
            publisher.__exit__()
    with product.api(token) as client:
        for device in DEVICES:
            last_s = readings(device, PACKS - 1, start_s)[-1][2]
            wait_until(
                lambda d=device, s=last_s: _has_until(client, d, s), f"{device} to be stored"
            )
        assert all_items(client, "/api/v1/quarantine") == []
    assert product.stop() == 0


def _publish(publisher: Publisher, start_s: float) -> None:
    for number in range(PACKS):
        payload = pack(readings(publisher.device_id, number, start_s), boot="b00t", seq=number)
        publisher.publish(payload)
        time.sleep(PAUSE_S)


def _has_until(client: Any, device: str, time_s: float) -> bool:
    answer = client.get(
        f"/api/v1/devices/{device}/telemetry",
        params={"metric": "motor/current", "from": time_s - 1, "to": time_s + 1, "points": 1},
    )
    return answer.status_code == 200 and bool(answer.json()["times_s"])


def test_nothing_acknowledged_is_lost_or_counted_twice(
    forewarn_up: Callable[..., Product], capsys: pytest.CaptureFixture[str]
) -> None:
    start_s = float(int(time.time()) - 3 * 86_400)
    disturbed = forewarn_up()
    kills: list[str] = []

    def disturb(acknowledged: Callable[[], int]) -> None:
        total = PACKS * len(DEVICES)
        for share, what in ((0.2, "server"), (0.4, "broker"), (0.6, "server"), (0.8, "broker")):
            wait_until(lambda s=share: acknowledged() >= s * total, f"{share:.0%} of the load")
            if what == "server":
                disturbed.kill()
                disturbed.start()
            else:
                disturbed.kill_broker()
            kills.append(f"{what} after {acknowledged()} PUBACKs")

    run(disturbed, start_s, disturb)
    assert len(kills) == 4

    assert stored(disturbed) == expected(start_s)

    calm = forewarn_up()
    run(calm, start_s, None)
    assert stored(calm) == expected(start_s)
    assert len(findings(calm)) >= 2 * len(IN_ORDER)
    assert findings(disturbed) == findings(calm)
    assert incidents(disturbed) == incidents(calm)
    with capsys.disabled():
        print(
            f"\nkilled {', '.join(kills)}: {PACKS * SAMPLES * 2 * len(DEVICES)} samples, each once"
        )


def test_outage_is_said_when_it_begins_and_when_it_ends(
    forewarn_up: Callable[..., Product],
) -> None:
    product = forewarn_up()
    before = len(product.log())
    first_pid = product.broker().pid
    product.kill_broker()
    wait_until(lambda: _other_broker(product, first_pid), "a new broker")
    wait_until(product.healthy, "the server to be ready again")
    said = product.log()[before:].lower()
    assert "nats-server" in said or "broker" in said


def _other_broker(product: Product, pid: int) -> bool:
    try:
        return product.broker().pid != pid
    except StopIteration:
        return False


def test_no_process_is_left_behind(forewarn_up: Callable[..., Product], tmp_path: Path) -> None:
    """The broker goes with the server, even when that is killed: nobody else would stop it."""
    product = forewarn_up()
    broker = product.broker()
    product.kill()
    wait_until(lambda: not broker.is_running(), "the broker to follow the server")
    assert product.start().healthy()
