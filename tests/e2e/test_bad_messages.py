"""Whatever a device sends: refused at the gate or kept in quarantine with the reason; nothing stops."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.product import Product, all_items, wait_until
from tests.e2e.publisher import Publisher, pack

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

ADMIN = "admin@example.org"


@pytest.fixture(scope="module")
def admin(product: Product) -> Iterator[httpx.Client]:
    product.add_user(ADMIN, "admin")
    with product.api(product.token(ADMIN)) as client:
        yield client


@pytest.fixture
def device(product: Product, request: pytest.FixtureRequest) -> Iterator[Publisher]:
    """A device of this test alone."""
    name = "d-" + "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    with Publisher(product, name, product.add_device(name)) as publisher:
        yield publisher.wait_connected()


@pytest.fixture(autouse=True)
def _still_healthy(product: Product, admin: httpx.Client, device: Publisher) -> Iterator[None]:
    """After each test the same device's good message still gets through."""
    yield
    if not device.connected:
        device.wait_connected()
    now_s = time.time()
    device.publish(pack([("after/all", "V", now_s, 12.5)]))
    wait_until(lambda: stored(admin, device.device_id, "after/all") == 1, "a good message")
    assert product.healthy()


def stored(admin: httpx.Client, device_id: str, metric: str) -> int:
    """Samples of a metric, ever."""
    answer = admin.get(
        f"/api/v1/devices/{device_id}/telemetry",
        params={"metric": metric, "from": 0, "to": time.time() + 86_400, "points": 1},
    )
    return sum(answer.json()["count"]) if answer.status_code == 200 else 0


def quarantined(admin: httpx.Client, device_id: str) -> list[dict[str, Any]]:
    rows = all_items(admin, "/api/v1/quarantine")
    return [row for row in rows if row["device_id"] == device_id]


def one_quarantined(admin: httpx.Client, device_id: str) -> dict[str, Any]:
    [row] = wait_until(lambda: quarantined(admin, device_id), "a quarantine entry")
    return row


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b'[{"n": "a", "v": 1}', "truncated", id="malformed JSON"),
        pytest.param(b"\x9f\x01", "cbor", id="malformed CBOR"),
        pytest.param(b"", "neither", id="nothing"),
        pytest.param(b'[{"n": "a", "v": NaN}]', "", id="NaN"),
        pytest.param(b"\x81\xa2\x00\x61a\x02\xf9\x7e\x00", "finite", id="NaN in CBOR"),
        pytest.param(b'{"temperature": 20}', "", id="not SenML"),
        pytest.param(
            b'[{"n": "../../etc", "u": "V", "v": 1}, {"n": "A B", "v": 1}]', "", id="name"
        ),
        pytest.param(b"\xff\xfe\x00binary", "", id="noise"),
    ],
)
def test_malformed_payload(
    admin: httpx.Client, device: Publisher, payload: bytes, reason: str
) -> None:
    device.publish(payload)
    row = one_quarantined(admin, device.device_id)
    assert reason in row["reason"].lower()
    assert row["reason"]


def test_sample_of_the_future(admin: httpx.Client, device: Publisher) -> None:
    """Ten minutes of a wrong clock are forgiven, an hour is not; the good records of the pack stay."""
    now_s = time.time()
    device.publish(
        pack([("ahead/little", "V", now_s + 300, 1.0), ("ahead/much", "V", now_s + 3600, 2.0)])
    )
    row = one_quarantined(admin, device.device_id)
    assert "future" in row["reason"].lower()
    assert stored(admin, device.device_id, "ahead/much") == 0


def test_hundred_thousand_records(admin: httpx.Client, device: Publisher) -> None:
    payload = b"\x9a" + (100_000).to_bytes(4, "big") + b"\xa2\x00\x61a\x02\x01" * 100_000
    device.publish(payload)
    row = one_quarantined(admin, device.device_id)
    assert row["reason"]
    assert stored(admin, device.device_id, "a") == 0


def test_ten_megabytes(admin: httpx.Client, device: Publisher) -> None:
    """Refused by the broker, which drops the connection, or kept in quarantine; never stored."""
    with Publisher(device.product, device.device_id, device.password, client_id="another") as other:
        other.wait_connected()
        other.publish(b"[" + b" " * 10_000_000 + b"]")
        wait_until(lambda: not other.connected or quarantined(admin, device.device_id), "a refusal")
    assert stored(admin, device.device_id, "a") == 0


def test_foreign_topic(admin: httpx.Client, product: Product, device: Publisher) -> None:
    product.add_device("victim")
    device.publish(pack([("stolen", "V", time.time(), 1.0)]), device="victim")
    device.publish(pack([("own", "V", time.time(), 1.0)]))
    wait_until(lambda: stored(admin, device.device_id, "own"), "the device's own message")
    assert stored(admin, "victim", "stolen") == 0


def test_foreign_commands_are_not_heard(product: Product, device: Publisher) -> None:
    heard: list[str] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="eavesdropper")
    client.username_pw_set(device.device_id, device.password)
    client.on_message = lambda _client, _data, message: heard.append(message.topic)
    answers: list[Any] = []
    client.on_subscribe = lambda _c, _d, _mid, reasons, _properties: answers.extend(reasons)
    client.connect(product.mqtt_host, product.mqtt_port)
    client.loop_start()
    try:
        client.subscribe([("devices/+/telemetry", 0), ("devices/victim/commands", 0), ("#", 0)])
        device.publish(pack([("own", "V", time.time(), 1.0)]))
        device.wait_acknowledged()
        wait_until(lambda: answers or not client.is_connected(), "the broker's answer")
    finally:
        client.disconnect()
        client.loop_stop()
    assert heard == []


def test_name_of_another_device_in_the_pack(admin: httpx.Client, device: Publisher) -> None:
    device.publish(json.dumps([{"bn": "victim/", "n": "a", "v": 1}]).encode())
    assert one_quarantined(admin, device.device_id)["reason"]


@pytest.mark.parametrize("leaf", ["state", "events", "results"])
def test_malformed_reports(admin: httpx.Client, device: Publisher, leaf: str) -> None:
    device.publish(b'{"status": 7}', leaf=leaf)
    assert leaf in one_quarantined(admin, device.device_id)["topic"]


def test_unknown_device_is_refused(product: Product, device: Publisher) -> None:
    with Publisher(product, "stranger", "no secret") as stranger:
        wait_until(lambda: stranger.refused, "a refusal")
        assert not stranger.connected


def test_wrong_password_is_refused(product: Product, device: Publisher) -> None:
    with Publisher(
        product, device.device_id, device.password + "x", client_id="impostor"
    ) as impostor:
        wait_until(lambda: impostor.refused, "a refusal")
        assert not impostor.connected
