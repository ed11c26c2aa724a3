"""kill -9 of the server and of the broker under load: nothing acknowledged is lost or counted twice,
and the findings are those of a run in which nothing happened."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.product import HANG_GUARD_S, Product, all_items, wait_until
from tests.e2e.publisher import Publisher, pack
from tests.e2e.samples import stored_samples

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

DEVICES = ("pump-1", "pump-2", "pump-3", "pump-4")
IN_ORDER = ("pump-1", "pump-2")
"""They wait for each PUBACK: redelivery can't change the order that the detectors see."""
PACKS, SAMPLES, STEP_S = 200, 10, 5.0
PAUSE_S = 0.02
KILLS = ("server", "broker", "server", "broker")
STAGE = PACKS // (len(KILLS) + 1)
"""Packs of a device between two kills: each kill comes in the middle of a stage's load."""
ADMIN = "admin@example.org"

Sample = tuple[str, str, int, float]
"""device, metric, microseconds, value"""


def readings(device: str, number: int, start_s: float) -> list[tuple[str, str, float, float]]:
    """Humidity that leaves the possible for a while, then for good, and a current that wanders."""
    random = Random(f"{device} {number}")
    found = []
    for index in range(SAMPLES):
        time_s = start_s + (number * SAMPLES + index) * STEP_S
        impossible = device in IN_ORDER and (number in range(60, 66) or number >= 160)
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
    return Counter(stored_samples(product.data_dir))


def findings(product: Product) -> list[tuple[Any, ...]]:
    with sqlite3.connect(
        f"file:{product.data_dir / 'records.sqlite3'}?mode=ro", uri=True
    ) as records:
        return records.execute(
            "SELECT id, device_id, kind, metrics, onset_at, detected_at, ended_at, sentence FROM finding"
            " WHERE device_id IN (?, ?) ORDER BY id",
            IN_ORDER,
        ).fetchall()


def open_incidents(product: Product) -> list[tuple[Any, ...]]:
    """Not those of the first fault: what is long over when it is noticed opens no case."""
    with sqlite3.connect(
        f"file:{product.data_dir / 'records.sqlite3'}?mode=ro", uri=True
    ) as records:
        return records.execute(
            "SELECT device_id, kind, severity, onset_at, leading_finding_id FROM incident"
            " WHERE state = 'open' AND device_id IN (?, ?) ORDER BY device_id",
            IN_ORDER,
        ).fetchall()


class Load:
    """All devices publishing at once, stage by stage."""

    def __init__(self, publishers: list[Publisher], start_s: float) -> None:
        self._publishers = publishers
        self._start_s = start_s
        self._released = [threading.Event() for _ in range(len(KILLS) + 1)]
        self._threads = [
            threading.Thread(target=self._publish, args=(each,), daemon=True) for each in publishers
        ]
        for thread in self._threads:
            thread.start()

    def _publish(self, publisher: Publisher) -> None:
        for number in range(PACKS):
            assert self._released[number // STAGE].wait(HANG_GUARD_S)
            payload = pack(
                readings(publisher.device_id, number, self._start_s), boot="b00t", seq=number
            )
            publisher.publish(payload)
            if publisher.device_id in IN_ORDER:
                publisher.wait_acknowledged()
            time.sleep(PAUSE_S)

    @property
    def acknowledged(self) -> int:
        return sum(publisher.acknowledged for publisher in self._publishers)

    def release(self, stage: int) -> None:
        self._released[stage].set()

    def wait_half(self, stage: int) -> int:
        """PUBACKs so far, in the middle of the stage."""
        half = (stage * STAGE + STAGE // 2) * len(self._publishers)
        wait_until(lambda: self.acknowledged >= half, f"half of stage {stage}", every_s=0.01)
        return self.acknowledged

    def finish(self) -> None:
        for thread in self._threads:
            thread.join()
        for publisher in self._publishers:
            publisher.wait_acknowledged()


def run(product: Product, start_s: float, kill: Callable[[str], None] | None) -> list[int]:
    """Publish everything, wait until it is all processed, stop; PUBACKs before each kill."""
    product.add_user(ADMIN, "admin")
    token = product.token(ADMIN)
    killed_at = []
    with ExitStack() as stack:
        publishers = [
            stack.enter_context(
                Publisher(product, device, product.add_device(device))
            ).wait_connected()
            for device in DEVICES
        ]
        load = Load(publishers, start_s)
        for stage, what in enumerate(KILLS):
            load.release(stage)
            if kill is not None:
                killed_at.append(load.wait_half(stage))
                kill(what)
        load.release(len(KILLS))
        load.finish()
    with product.api(token) as client:
        for device in DEVICES:
            last_s = readings(device, PACKS - 1, start_s)[-1][2]
            wait_until(
                lambda d=device, s=last_s: _has_until(client, d, s), f"{device} to be stored"
            )
        assert all_items(client, "/api/v1/quarantine") == []
    assert product.stop() == 0
    return killed_at


def _has_until(client: Any, device: str, time_s: float) -> bool:
    answer = client.get(
        f"/api/v1/devices/{device}/telemetry",
        params={"metric": "motor/current", "from": time_s - 1, "to": time_s + 1, "points": 1},
    )
    return answer.status_code == 200 and bool(answer.json()["times_s"])


def test_nothing_acknowledged_is_lost_or_counted_twice(
    forewarn_up: Callable[..., Product], tell: Callable[[str], None]
) -> None:
    start_s = float(int(time.time()) - 3 * 86_400)
    disturbed = forewarn_up()

    def kill(what: str) -> None:
        if what == "server":
            disturbed.kill()
            disturbed.start()
        else:
            disturbed.kill_broker()

    killed_at = run(disturbed, start_s, kill)
    assert max(killed_at) < PACKS * len(DEVICES), "every kill came under load"

    assert stored(disturbed) == expected(start_s)

    calm = forewarn_up()
    run(calm, start_s, None)
    assert stored(calm) == expected(start_s)
    assert {row[1] for row in findings(calm)} == set(IN_ORDER)
    assert findings(disturbed) == findings(calm)
    assert [row[0] for row in open_incidents(calm)] == list(IN_ORDER)
    assert open_incidents(disturbed) == open_incidents(calm)
    kills = ", ".join(f"{what} at {count}" for what, count in zip(KILLS, killed_at, strict=True))
    samples = sum(expected(start_s).values())
    tell(f"kill -9 of {kills} of {PACKS * len(DEVICES)} PUBACKs: {samples} samples, each once")


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
