"""Senders that are none of ours: mosquitto_pub, ten lines on a bare socket, foreign products' topics."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from server.ingest.foreign.sparkplug_payload import decode
from tests.conftest import ROOT
from tests.e2e.product import Product, all_items, running, wait_until
from tests.mosquitto import Mosquitto

pytestmark = [
    pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow,
    pytest.mark.needs("mosquitto", "mosquitto-clients"),
]  # fmt: skip

ADMIN = "admin@example.org"
GOLDEN = ROOT / "tests" / "server" / "ingest" / "foreign" / "golden" / "sparkplug"
TOPICS = """
[[topic]]
format = "zigbee2mqtt"

[[topic]]
format = "tasmota"

[[topic]]
format = "homeassistant"
states = ["esphome/#"]

[[topic]]
format = "sparkplug"
"""


@pytest.fixture(scope="module", params=["our broker", "Mosquitto"])
def product(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    needs: Callable[[str], Path],
) -> Iterator[Product]:
    """On its own broker, and on a Mosquitto that `forewarn setup mosquitto` told who may do what."""
    base = tmp_path_factory.mktemp("third")
    product = Product(base / "data")
    product.data_dir.mkdir()
    (product.data_dir / "topics.toml").write_text(TOPICS)
    if request.param == "our broker":
        with running(product) as started:
            yield started
        return
    secrets = base / "secrets"
    lines = product.cli("setup", "mosquitto", "--dir", str(secrets))
    kept = [
        line
        for line in (secrets / "forewarn.conf").read_text().splitlines()
        if line.startswith(("allow", "password_file", "acl_file"))
    ]
    with Mosquitto(needs("mosquitto"), base / "mosquitto", *kept) as mosquitto:
        config = lines.replace("127.0.0.1:1883", f"127.0.0.1:{mosquitto.port}")
        (product.data_dir / "forewarn.toml").write_text(config)
        product.mosquitto = mosquitto  # type: ignore[attr-defined]
        product.secrets = secrets  # type: ignore[attr-defined]
        with running(product) as started:
            wait_until(started.healthy, "the broker to be connected")
            yield started


@pytest.fixture(scope="module")
def admin(product: Product) -> Iterator[httpx.Client]:
    product.add_user(ADMIN, "admin")
    with product.api(product.token(ADMIN)) as client:
        yield client


DEVICES = """device_id,topics,via
plain,,
kept,,
bare-1,,
gateway,zigbee2mqtt/#,
window,,gateway
boiler,,
plug-1,tele/plug-1/#,
plug-2,tele/plug-2/#,
garage,homeassistant/+/garage/# esphome/garage/#,
works-edge1,spBv1.0/works/#,
works-edge1-pump,,works-edge1
"""


@pytest.fixture(scope="module")
def passwords(product: Product) -> dict[str, str]:
    """Of every device of these tests, once the broker knows them."""
    lines = product.cli("device", "import", "-", text=DEVICES).splitlines()
    added = {row["device_id"]: row["password"] for row in map(json.loads, lines)}
    mosquitto: Mosquitto | None = getattr(product, "mosquitto", None)
    if mosquitto is not None:
        file = product.secrets / "forewarn.passwd"  # type: ignore[attr-defined]
        wait_until(
            lambda: all(f"\n{name}:" in f"\n{file.read_text()}" for name in added),
            "the password file",
        )
        mosquitto.reload()
        time.sleep(0.3)  # Mosquitto says nothing when it has read them
    return added


def mosquitto_pub(
    product: Product, user: str, password: str, topic: str, payload: str | bytes, *more: str
) -> None:
    command = ["mosquitto_pub", "-h", product.mqtt_host, "-p", str(product.mqtt_port)]
    command += ["-u", user, "-P", password, "-i", f"pub-{user}", "-t", topic, "-s", *more]
    raw = payload.encode() if isinstance(payload, str) else payload
    subprocess.run(command, input=raw, check=True, timeout=60, capture_output=True)


def stored(admin: httpx.Client, device_id: str, metric: str) -> int:
    query = {"metric": metric, "from": 0, "to": time.time() + 86_400, "points": 1}
    answer = admin.get(f"/api/v1/devices/{device_id}/telemetry", params=query)
    return sum(answer.json()["count"]) if answer.status_code == 200 else 0


def quarantined(admin: httpx.Client, topic: str) -> list[dict[str, Any]]:
    return [row for row in all_items(admin, "/api/v1/quarantine") if row["topic"] == topic]


def test_plain_senml_from_mosquitto_pub_at_every_qos(
    product: Product, admin: httpx.Client, passwords: dict[str, str]
) -> None:
    password = passwords["plain"]
    topic = "devices/plain/telemetry"
    for qos in "012":
        for value in range(3):
            senml = json.dumps([{"n": f"flow/{qos}", "u": "Cel", "v": 50 + value}])
            mosquitto_pub(product, "plain", password, topic, senml, "-q", qos)
    for qos in "012":
        wait_until(lambda q=qos: stored(admin, "plain", f"flow/{q}") == 3, f"QoS {qos}")
    mosquitto_pub(product, "plain", password, topic, '{"temperature": 20}', "-q", "0")
    [row] = wait_until(lambda: quarantined(admin, topic), "the quarantine")
    assert (row["device_id"], row["field"]) == ("plain", "payload")


def test_a_retained_sample_is_counted_once(
    product: Product, admin: httpx.Client, passwords: dict[str, str]
) -> None:
    password = passwords["kept"]
    senml = json.dumps([{"n": "level", "v": 1, "t": 1_795_000_000}])
    topic = "devices/kept/telemetry"
    for more in (["-r", "-q", "1"], ["-r", "-q", "0"]):
        mosquitto_pub(product, "kept", password, topic, senml, *more)
    later = json.dumps([{"n": "level", "v": 2, "t": 1_795_000_001}])
    mosquitto_pub(product, "kept", password, topic, later, "-q", "1")
    wait_until(lambda: stored(admin, "kept", "level") >= 2, "both samples")
    assert stored(admin, "kept", "level") == 2
    assert quarantined(admin, topic) == []


def test_ten_lines_on_a_bare_socket(
    product: Product, admin: httpx.Client, passwords: dict[str, str], tmp_path: Path
) -> None:
    """The listing of docs/how-to/send-senml-without-the-agent.md, as it stands there."""
    page = (ROOT / "docs" / "how-to" / "send-senml-without-the-agent.md").read_text("utf-8")
    listing = page.split("```python\n")[1].split("```")[0]
    password = passwords["bare-1"]
    listing = listing.replace('"192.168.1.10", 1883', f'"{product.mqtt_host}", {product.mqtt_port}')
    listing = listing.replace('"pump-1"', '"bare-1"').replace('"its password"', repr(password))
    assert password in listing
    (tmp_path / "sender.py").write_text(listing)
    command = [sys.executable, "-I", str(tmp_path / "sender.py")]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    wait_until(lambda: stored(admin, "bare-1", "motor/temperature") == 1, "the sample")


def test_a_zigbee_gateway_speaks_for_its_devices_and_for_nobody_else(
    product: Product, admin: httpx.Client, passwords: dict[str, str]
) -> None:
    password = passwords["gateway"]
    for number, qos in enumerate("01"):
        said = json.dumps({"temperature": 20.5 + number, "contact": True})
        mosquitto_pub(product, "gateway", password, "zigbee2mqtt/window", said, "-q", qos)
    wait_until(lambda: stored(admin, "window", "temperature") == 2, "its samples at either QoS")
    said = json.dumps({"temperature": 99})
    mosquitto_pub(product, "gateway", password, "zigbee2mqtt/boiler", said, "-q", "1")
    [row] = wait_until(lambda: quarantined(admin, "zigbee2mqtt/boiler"), "the quarantine")
    assert (row["device_id"], row["field"]) == ("boiler", "topic")
    assert stored(admin, "boiler", "temperature") == 0
    mosquitto_pub(
        product, "gateway", password, "zigbee2mqtt/window/availability", "offline", "-q", "1"
    )
    wait_until(
        lambda: admin.get("/api/v1/devices/window").json()["online"] is False, "it to be offline"
    )


def test_the_broker_lets_nobody_publish_what_he_was_not_given(
    product: Product, admin: httpx.Client, passwords: dict[str, str]
) -> None:
    password = passwords["plug-2"]
    said = json.dumps({"ENERGY": {"Power": 17}})
    for qos in "01":
        # Mosquitto and nats-server both acknowledge a message that they let nobody have.
        command = ["tele/plug-1/SENSOR", said, "-q", qos]
        with contextlib.suppress(subprocess.CalledProcessError):  # or they end the connection
            mosquitto_pub(product, "plug-2", password, *command)
    mosquitto_pub(product, "plug-2", password, "tele/plug-2/SENSOR", said, "-q", "1")
    wait_until(lambda: stored(admin, "plug-2", "energy/power") == 1, "its own sample")
    assert stored(admin, "plug-1", "energy/power") == 0
    assert quarantined(admin, "tele/plug-1/SENSOR") == []


def test_esphome_is_known_by_its_announcement(
    product: Product, admin: httpx.Client, passwords: dict[str, str]
) -> None:
    password = passwords["garage"]
    config = {
        "stat_t": "esphome/garage/sensor/heat/state",
        "avty_t": "esphome/garage/status",
        "unit_of_meas": "°C",
        "dev": {"ids": "0a"},
    }
    announced = "homeassistant/sensor/garage/heat/config"
    mosquitto_pub(product, "garage", password, announced, json.dumps(config), "-q", "1", "-r")
    mosquitto_pub(product, "garage", password, "esphome/garage/status", "online", "-q", "1", "-r")
    wait_until(lambda: admin.get("/api/v1/devices/garage").json()["online"], "it to be online")
    mosquitto_pub(product, "garage", password, config["stat_t"], "19.7", "-q", "0")  # type: ignore[arg-type]
    wait_until(lambda: stored(admin, "garage", "heat") == 1, "its sample")


def test_a_sparkplug_node_is_asked_for_its_birth(
    product: Product, admin: httpx.Client, passwords: dict[str, str]
) -> None:
    password = passwords["works-edge1"]
    asked: list[bytes] = []
    node = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="edge1", protocol=mqtt.MQTTv311)
    node.username_pw_set("works-edge1", password)
    node.on_message = lambda _c, _d, message: asked.append(message.payload)
    subscribed: list[int] = []
    node.on_subscribe = lambda _c, _d, mid, _codes, _p: subscribed.append(mid)
    node.on_connect = lambda client, *_a: client.subscribe("spBv1.0/works/NCMD/edge1", qos=0)
    node.connect(product.mqtt_host, product.mqtt_port)
    node.loop_start()
    wait_until(lambda: subscribed, "the subscription")

    def send(kind: str, name: str, level: str = "") -> None:
        payload = (GOLDEN / f"{name}.bin").read_bytes()
        node.publish(f"spBv1.0/works/{kind}/edge1{level}", payload, qos=1)

    send("DDATA", "ddata", "/pump")
    wait_until(lambda: asked, "the request for a birth")
    assert decode(asked[0]).metrics[0].name == "Node Control/Rebirth"
    send("NBIRTH", "nbirth")
    send("DBIRTH", "dbirth", "/pump")
    send("DDATA", "ddata", "/pump")
    pump = "works-edge1-pump"
    wait_until(lambda: stored(admin, pump, "inputs/temperature") == 2, "its samples")
    wait_until(lambda: admin.get(f"/api/v1/devices/{pump}").json()["online"], "its birth")
    send("NDEATH", "ndeath")
    wait_until(lambda: not admin.get(f"/api/v1/devices/{pump}").json()["online"], "its death")
    node.disconnect()
    node.loop_stop()
