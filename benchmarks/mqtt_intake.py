"""How quickly a plain MQTT broker's messages get into the journal, beside a client that only receives.

Mosquitto holds N packs of 100 samples for a client that is away; the client comes back and the time until
the last one is taken is measured: once written to our journal before its PUBACK, once by a bare paho
client that acknowledges at once and keeps nothing. Prints JSON: rates and their ratio.

    python benchmarks/mqtt_intake.py [--messages 10000] [--out benchmarks/results/mqtt_intake.json]
"""

import argparse
import asyncio
import itertools
import json
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paho.mqtt.client as mqtt

from device_agent.wire import Pack, encode_pack
from server.broker.address import parse_address
from server.broker.mqtt_client import connect, make_client
from server.ingest.intake import AT_ONCE
from server.ingest.mqtt import MqttIntakes
from tests.mosquitto import Mosquitto

SAMPLES = 100
TOPIC = "devices/bench-1/telemetry"
ROUNDS = 3
LIMIT_S = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="packs a round")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    given = parser.parse_args()
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        lines = ("allow_anonymous true", "max_queued_bytes 0")
        with Mosquitto(Path(program), base / "mosquitto", *lines) as broker:
            text = json.dumps(asyncio.run(report(broker, base, given.messages)), indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


async def report(broker: Mosquitto, base: Path, messages: int) -> dict:
    payload = pack()
    journalled, bare = [], []
    for number in range(ROUNDS):
        bare.append(await asyncio.to_thread(received, broker, payload, messages))
        journalled.append(await taken_in(broker, base / f"journal-{number}", payload, messages))
    best, peer = max(journalled), max(bare)
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "pack": {"samples": SAMPLES, "bytes": len(payload)},
        "messages": messages,
        "rounds": ROUNDS,
        "journal_messages_s": round(best),
        "journal_samples_s": round(best * SAMPLES),
        "bare_paho_messages_s": round(peer),
        "ratio_to_bare_paho": round(best / peer, 2),
    }


def pack() -> bytes:
    times = [1_790_000_000.0 + n for n in range(SAMPLES)]
    values = [20 + n % 7 / 10 for n in range(SAMPLES)]
    filled = Pack("b00t", 1, ["motor/current"] * SAMPLES, times, values, ["A"] * SAMPLES)
    return encode_pack(filled, device_id="bench-1", form="json")


async def taken_in(broker: Mosquitto, file: Path, payload: bytes, messages: int) -> float:
    """Messages a second from the connection on until the last one is in the journal."""
    intakes = MqttIntakes(parse_address(broker.url), file, max_bytes=2**32)
    intakes.start()
    while not intakes.connected:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await intakes.stop()
    await asyncio.to_thread(publish, broker, payload, messages)
    intakes = MqttIntakes(parse_address(broker.url), file, max_bytes=2**32)
    started_s = time.perf_counter()
    intakes.start()
    while intakes.journal.last_position < messages:
        if time.perf_counter() - started_s > LIMIT_S:
            raise SystemExit(f"only {intakes.journal.last_position} of {messages} came")
        await asyncio.sleep(0.002)
    seconds = time.perf_counter() - started_s
    await intakes.stop()
    return messages / seconds


def received(broker: Mosquitto, payload: bytes, messages: int) -> float:
    """The same for a client that acknowledges and forgets."""
    visit(broker, "on_subscribe", 1)
    publish(broker, payload, messages)
    return messages / visit(broker, "on_message", messages)


def visit(broker: Mosquitto, event: str, wanted: int) -> float:
    """Connect, and leave when `event` has come so often; seconds from the connection on."""
    address = parse_address(broker.url)
    client = make_client(address, "bare", lasting=True)
    client.manual_ack_set(False)
    done, left = threading.Event(), itertools.count(1)

    def came(*_arguments: object) -> None:
        if next(left) == wanted:
            done.set()

    setattr(client, event, came)
    client.on_connect = lambda c, *_a: c.subscribe("devices/+/telemetry", 1)
    started_s = time.perf_counter()
    connect(client, address, lasting=True, at_once=AT_ONCE)
    if not done.wait(LIMIT_S):
        raise SystemExit(f"waited {LIMIT_S:g} s for {wanted} of {event}")
    seconds = time.perf_counter() - started_s
    if event == "on_message":
        client.unsubscribe("devices/+/telemetry")
        time.sleep(0.3)
    client.disconnect()
    client.loop_stop()
    return seconds


def publish(broker: Mosquitto, payload: bytes, messages: int) -> None:
    """Returns when the broker has acknowledged all of them."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(500)
    acknowledged = threading.Semaphore(0)
    client.on_publish = lambda *_a: acknowledged.release()
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    for _ in range(messages):
        client.publish(TOPIC, payload, qos=1)
    for _ in range(messages):
        if not acknowledged.acquire(timeout=LIMIT_S):
            raise SystemExit("the broker acknowledges nothing")
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
