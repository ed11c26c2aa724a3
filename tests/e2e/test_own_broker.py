"""`mqtt_url`: the product on a Mosquitto of its user's, both killed under load, every sample counted."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.product import Product, all_items, running, wait_until
from tests.e2e.publisher import Publisher, pack
from tests.e2e.samples import stored_samples
from tests.mosquitto import Mosquitto

pytestmark = [
    pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow, pytest.mark.needs("mosquitto")
]  # fmt: skip

ADMIN = "admin@example.org"
PACKS, SAMPLES = 160, 5
PAUSE_S = 0.02
TIMED = ("pump-1", "pump-2")
"""Plain SenML with times, and packs with boot and seq."""
UNTIMED = "plain-1"
"""Plain SenML without any time: nothing in it tells a message from its copy."""
KILLS = ("server", "broker", "server")
STAGE = PACKS // (len(KILLS) + 1)

Sample = tuple[str, str, float]


@pytest.fixture
def mosquitto(needs: Callable[[str], Path], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(needs("mosquitto"), tmp_path / "mosquitto") as started:
        yield started


@pytest.fixture
def product(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Product]:
    data = tmp_path / "data"
    data.mkdir()
    (data / "forewarn.toml").write_text(f'mqtt_url = "{mosquitto.url}"\n')
    with running(Product(data)) as started:
        yield started


def stored(product: Product) -> Counter[Sample]:
    return Counter((d, m, v) for d, m, _, v in stored_samples(product.data_dir))


def expected() -> Counter[Sample]:
    timed = {(d, "level", float(n)) for d in TIMED for n in range(PACKS * SAMPLES)}
    return Counter(timed)


def publish(publisher: Publisher, released: list[threading.Event], start_s: float) -> None:
    for number in range(PACKS):
        released[number // STAGE].wait()
        first = number * SAMPLES
        readings = [("level", "m", start_s + first + i, float(first + i)) for i in range(SAMPLES)]
        boot = "b00t" if publisher.device_id == TIMED[0] else ""
        publisher.publish(pack(readings, boot=boot, seq=number))
        time.sleep(PAUSE_S)


def test_nothing_is_lost_or_counted_twice_when_either_is_killed(
    product: Product, mosquitto: Mosquitto, tell: Callable[[str], None]
) -> None:
    assert product.mqtt_port == mosquitto.port
    product.add_user(ADMIN, "admin")
    start_s = float(int(time.time()) - 86_400)
    released = [threading.Event() for _ in range(len(KILLS) + 1)]
    publishers = [Publisher(product, d, product.add_device(d)) for d in TIMED]
    killed_at = []
    threads = []
    for publisher in publishers:
        publisher.__enter__().wait_connected()
        threads.append(
            threading.Thread(target=publish, args=(publisher, released, start_s), daemon=True)
        )
        threads[-1].start()
    wait_until(product.healthy, "the broker to be connected")
    for stage, what in enumerate(KILLS):
        released[stage].set()
        half = (stage * STAGE + STAGE // 2) * len(publishers)
        wait_until(lambda h=half: acknowledged(publishers) >= h, f"half of stage {stage}")
        killed_at.append(acknowledged(publishers))
        if what == "server":
            product.kill()
            product.start()
        else:
            mosquitto.kill()
            time.sleep(0.5)
            mosquitto.start()
    released[-1].set()
    for thread in threads:
        thread.join()
    for publisher in publishers:
        publisher.wait_acknowledged()
        publisher.__exit__()
    wait_until(product.healthy, "the broker to be connected again")
    with product.api(product.token(ADMIN)) as client:
        count = PACKS * SAMPLES
        query = {"metric": "level", "from": 0, "to": time.time() + 1, "points": 1}

        def complete(device: str) -> bool:
            found = client.get(f"/api/v1/devices/{device}/telemetry", params=query)
            return found.status_code == 200 and sum(found.json()["count"]) >= count

        for device in TIMED:
            wait_until(lambda d=device: complete(d), f"{device} to be stored", timeout_s=60)
        assert all_items(client, "/api/v1/quarantine") == []
    assert product.stop() == 0
    assert stored(product) == expected()
    kills = ", ".join(f"{what} at {n}" for what, n in zip(KILLS, killed_at, strict=True))
    tell(f"Mosquitto: kill -9 of {kills} of {2 * PACKS} PUBACKs: {2 * count} samples, each once")


def acknowledged(publishers: list[Publisher]) -> int:
    return sum(publisher.acknowledged for publisher in publishers)


def test_samples_without_any_time_are_counted_once_though_the_server_is_killed(
    product: Product,
) -> None:
    """What Mosquitto delivers again is recognised by its packet id, not by what it says."""
    password = product.add_device(UNTIMED)
    wait_until(product.healthy, "the broker to be connected")
    with Publisher(product, UNTIMED, password) as publisher:
        publisher.wait_connected()
        for number in range(300):
            publisher.publish(json.dumps([{"n": "level", "v": number % 3}]).encode())
            if number in {100, 200}:
                product.kill()
                product.start()
        publisher.wait_acknowledged()
    product.add_user(ADMIN, "admin")
    with product.api(product.token(ADMIN)) as client:
        query = {"metric": "level", "from": 0, "to": time.time() + 60, "points": 1}
        path = f"/api/v1/devices/{UNTIMED}/telemetry"
        wait_until(
            lambda: sum(client.get(path, params=query).json().get("count", [])) >= 300, "all"
        )
    assert product.stop() == 0
    assert sum(stored(product).values()) == 300


def test_a_device_hears_commands_and_its_death_is_noticed(
    product: Product, mosquitto: Mosquitto
) -> None:
    product.add_device("pump-9")
    product.add_user(ADMIN, "admin")
    heard: list[bytes] = []
    device = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="pump-9")
    state = {"status": "offline", "reason": "will", "time_s": time.time()}
    device.will_set("devices/pump-9/state", json.dumps(state), qos=1, retain=True)
    device.on_message = lambda _c, _d, message: heard.append(message.payload)
    device.connect("127.0.0.1", mosquitto.port)
    device.loop_start()
    device.subscribe("devices/pump-9/commands", qos=1)
    birth = {**state, "status": "online", "reason": "birth"}
    device.publish("devices/pump-9/state", json.dumps(birth), qos=1, retain=True)
    with product.api(product.token(ADMIN)) as client:

        def online() -> bool:
            return bool(client.get("/api/v1/devices/pump-9").json()["online"])

        wait_until(online, "the birth")
        asked = client.post("/api/v1/devices/pump-9/commands", json={"name": "read_now"})
        assert asked.status_code in {200, 201, 202}, asked.text
        wait_until(lambda: heard, "the command")
        answer = {"id": json.loads(heard[0])["id"], "status": "done", "output": {}}
        device.publish("devices/pump-9/results", json.dumps(answer), qos=1)
        path = f"/api/v1/devices/pump-9/commands/{answer['id']}"
        wait_until(lambda: client.get(path).json()["status"] == "done", "the result")
        sock = device.socket()
        assert sock is not None
        device.loop_stop()
        sock.close()  # no DISCONNECT: the broker publishes the will
        wait_until(lambda: not online(), "the will")
