"""Backup of a server under load, and a server that goes on from it: nothing lost, nothing twice."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from tests.e2e.cluster.load import Device
from tests.e2e.product import HANG_GUARD_S, Product, running, wait_until
from tests.e2e.publisher import Publisher, pack
from tests.e2e.samples import stored_samples

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

ADMIN = "admin@example.org"
DEVICE, PACKS, SAMPLES, T = "pump-1", 400, 20, 1_780_000_000
PAUSE_S = 0.02


def readings(number: int) -> list[tuple[str, str, float, float]]:
    first = number * SAMPLES
    return [("level", "m", T + first + i, float(first + i)) for i in range(SAMPLES)]


def publish(
    product: Product,
    password: str,
    numbers: range,
    half: threading.Event,
    backed_up: threading.Event,
) -> None:
    """Under load until there is a backup, and on after it."""
    with Publisher(product, DEVICE, password) as publisher:
        publisher.wait_connected()
        for number in numbers:
            publisher.publish(pack(readings(number), boot="b", seq=number))
            if number == PACKS // 2:
                publisher.wait_acknowledged()
                half.set()
            if number > PACKS // 2:
                backed_up.wait(HANG_GUARD_S if number > 3 * PACKS // 4 else PAUSE_S)
        publisher.wait_acknowledged()


def wait_stored(product: Product, value: float) -> None:
    """The newest sample is there, and so is all before it."""
    token = product.token(ADMIN)
    with product.api(token) as client:
        wait_until(
            lambda: (
                [row["value"] for row in client.get(f"/api/v1/devices/{DEVICE}").json()["latest"]]
                == [value]
            ),
            "the newest sample",
        )


def test_a_restored_backup_goes_on_exactly_once(tmp_path: Path) -> None:
    home, copy, again = tmp_path / "home", tmp_path / "copy", tmp_path / "again"
    half, backed_up = threading.Event(), threading.Event()
    with running(Product(home)) as product:
        product.add_user(ADMIN, "admin")
        password = product.add_device(DEVICE)
        load = threading.Thread(
            target=publish, args=(product, password, range(PACKS), half, backed_up)
        )
        load.start()
        assert half.wait(HANG_GUARD_S)
        asleep = product.add_device("asleep-1")
        with product.api(product.token(ADMIN)) as client:
            asked = client.post("/api/v1/devices/asleep-1/commands", json={"name": "read_now"})
            assert asked.status_code in {200, 201, 202}, asked.text
        done = json.loads(product.cli("backup", str(copy)))
        assert done["has"] == ["records.sqlite3", "telemetry.duckdb"]
        backed_up.set()
        load.join(HANG_GUARD_S)
        wait_stored(product, PACKS * SAMPLES - 1.0)
        refused = product.try_cli("backup", str(copy))
        assert refused.returncode == 2
        assert "not empty" in refused.stderr
        exported = product.cli("export", str(tmp_path / "parquet"))
        with duckdb.connect() as reader:
            found = reader.execute(
                f"SELECT count(*) FROM '{tmp_path}/parquet/*.parquet'"
            ).fetchall()
        assert [(json.loads(exported)["samples"],)] == found == [(PACKS * SAMPLES,)]
    whole = Counter((DEVICE, *row) for n in range(PACKS) for row in micros(n))
    assert Counter(stored_samples(home)) == whole

    restored = Product(again)
    restored.cli("restore", str(copy))
    saved = Counter(stored_samples(again))
    assert max(saved.values()) == 1
    assert 0 < len(saved) < len(whole)
    with running(restored) as product:
        # A device that was not told otherwise sends all it still has; here: everything.
        publish(product, password, range(PACKS // 4, PACKS), half, backed_up)
        wait_stored(product, PACKS * SAMPLES - 1.0)
        # What was asked of a device that was away is asked of it when it comes: no broker's file has it.
        with Device([product.mqtt_port], "asleep-1", asleep, first=0) as device:
            device.say_state("online", "birth")
            wait_until(lambda: device.commands, "the command")
    assert Counter(stored_samples(again)) == whole
    with sqlite3.connect(again / "records.sqlite3") as records:
        assert records.execute("SELECT count(*) FROM device").fetchone() == (2,)
    assert not (again / "waiting.msgpack").exists()
    still = tmp_path / "still"
    restored.cli("backup", str(still))
    Product(tmp_path / "third").cli("restore", str(still))
    assert Counter(stored_samples(tmp_path / "third")) == whole


def micros(number: int) -> list[tuple[str, int, float]]:
    return [(name, round(time_s * 1e6), value) for name, _, time_s, value in readings(number)]
