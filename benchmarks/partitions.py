"""How a worker gets its own devices' messages out of one stream: three ways, in one run.

One of four workers reads its quarter of the same messages of 8 kB:

    mapped     nats-server puts telemetry under its partition's subject before it is stored
    picking    the worker is sent everything and throws away what is not its own
    sourced    a second stream is cut from the first by a subject transform, and read as `mapped`

`cpu_us_per_own_message` is this process's; `rate` counts own messages a second. What `sourced` costs
before it can be read is told apart: seconds to copy and bytes on disk (every message a second time).

    python benchmarks/partitions.py [--messages 8000] [--out benchmarks/results/partitions.json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from server.broker.cluster import ClusterBroker, ClusterSettings
from server.broker.node_config import ClusterPlan, Node, write
from server.broker.partitions import Partition, mapped_subject, partition_of
from server.broker.server_binary import find_server_binary
from server.broker.stream import PREFIX, DeviceStream
from server.ingest.jetstream import JetStreamSource
from tests.postgresql import free_port

PARTITIONS, WORKERS, DEVICES, PAYLOAD = 16, 4, 200, b"x" * 8_000
OWN = tuple(range(PARTITIONS // WORKERS))
COPY = "COPY"


class Nobody:
    def check(self, *_credentials: str) -> None:
        return None


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=8_000)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report = await measure(Path(name), given.messages)
    text = json.dumps(report, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


async def measure(folder: Path, count: int) -> dict[str, Any]:
    node = Node("one", "127.0.0.1", free_port(), free_port(), free_port())
    plan = ClusterPlan((node,), PARTITIONS, 1, "127.0.0.1", str(folder / "store"), 2**30)
    (config,) = write(plan, folder)
    settings = ClusterSettings(
        (f"nats://127.0.0.1:{node.client_port}",), folder / "keys", PARTITIONS, 1, 1e6, 2**30
    )
    server = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        [find_server_binary(os.environ), "-c", config], stderr=subprocess.DEVNULL
    )
    try:
        async with ClusterBroker(settings, Nobody()) as broker:
            await fill(broker, count)
            own = sum(partition_of(device(n), PARTITIONS) in OWN for n in range(count))
            mapped = await read(broker.stream, broker, own, [Partition(n, PARTITIONS) for n in OWN])
            picking = await read(broker.stream, broker, own, [])
            sourced = await copy(broker.stream, count)
    finally:
        server.terminate()
        server.wait(30)
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "messages": count,
        "own_messages": own,
        "payload_bytes": len(PAYLOAD),
        "workers": WORKERS,
        "partitions": PARTITIONS,
        "mapped": mapped,
        "picking": picking,
        "sourced_before_it_is_read": sourced,
        "picking_cpu_over_mapped": round(
            picking["cpu_us_per_own_message"] / mapped["cpu_us_per_own_message"], 2
        ),
    }


def device(number: int) -> str:
    return f"heat-pump-{number % DEVICES}"


async def fill(broker: ClusterBroker, count: int) -> None:
    """Under both subjects, as if the account had the mapping and as if it had not."""
    stream = broker.client.jetstream(publish_async_max_pending=200)
    for number in range(count):
        name = device(number)
        await stream.publish_async(PREFIX + mapped_subject(name, PARTITIONS), PAYLOAD)
        await stream.publish_async(f"{PREFIX}plain.{name}.telemetry", PAYLOAD)
    await stream.publish_async_completed()


class Everything:
    """Reads all that is stored unmapped, and picks."""

    subjects = (f"{PREFIX}plain.*.*",)
    own_subjects = subjects[0]

    @staticmethod
    def topic(subject: str) -> str | None:
        name = subject.split(".")[3]
        own = partition_of(name, PARTITIONS) in OWN
        return f"devices/{name}/telemetry" if own else None


async def read(
    stream: DeviceStream, broker: ClusterBroker, own: int, partitions: list[Partition]
) -> dict[str, float]:
    parts: list[Any] = [*partitions] or [Everything()]
    sources = [JetStreamSource(broker.client, stream, partition=part) for part in parts]
    began_s, cpu_s = time.perf_counter(), time.process_time()
    left = own

    async def drain(source: JetStreamSource) -> None:
        nonlocal left
        while left > 0:
            got = await source.fetch(512, 0.2)
            left -= len(got)

    await asyncio.gather(*map(drain, sources))
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    for source in sources:
        await source.close()
    return {"rate": round(own / took_s), "cpu_us_per_own_message": round(cpu_s / own * 1e6, 1)}


async def copy(stream: DeviceStream, count: int) -> dict[str, float]:
    cut = {
        "src": f"{PREFIX}plain.*.telemetry",
        "dest": f"cut.{{{{partition({PARTITIONS},1)}}}}.{{{{wildcard(1)}}}}",
    }
    began_s = time.perf_counter()
    await stream.request(
        f"STREAM.CREATE.{COPY}",
        {
            "name": COPY,
            "storage": "file",
            "num_replicas": 1,
            "sources": [{"name": "$MQTT_msgs", "subject_transforms": [cut]}],
        },
    )
    while True:
        state = (await stream.request(f"STREAM.INFO.{COPY}"))["state"]
        if state["messages"] >= count:
            return {
                "seconds_to_copy": round(time.perf_counter() - began_s, 2),
                "bytes_written_again": state["bytes"],
            }
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main())
