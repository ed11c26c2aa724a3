"""What many would build: a paho subscriber that writes to VictoriaMetrics with influxdb-client, batched.

Started by `benchmarks/ingest_peers.py`; a program of its own, as it would be. Reads SenML packs in JSON (the
base fields that the load uses), acknowledges by itself as paho does by default, and judges nothing. Prints the
count of samples handed to the writer when standard input ends.

    python benchmarks/peers/paho_victoria.py MQTT_HOST MQTT_PORT VICTORIA_URL
"""

from __future__ import annotations

import json
import sys
from typing import Any

import paho.mqtt.client as mqtt
from influxdb_client import InfluxDBClient, WriteOptions
from paho.mqtt.enums import CallbackAPIVersion

BATCH_LINES = 20_000


class Writer:
    def __init__(self, url: str) -> None:
        client = InfluxDBClient(url=url, token="none", org="none", enable_gzip=False)
        options = WriteOptions(batch_size=BATCH_LINES, flush_interval=500, max_retries=5)
        self._api = client.write_api(write_options=options)
        self.samples = 0

    def on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        device = message.topic.split("/")[1]
        base_s = 0.0
        lines = []
        for record in json.loads(message.payload):
            base_s = record.get("bt", base_s)
            time_ns = int((base_s + record.get("t", 0.0)) * 1e9)
            metric = record["n"]
            lines.append(f"peer,device={device},metric={metric} value={record['v']} {time_ns}")
        self._api.write(bucket="none", record="\n".join(lines))
        self.samples += len(lines)

    def close(self) -> None:
        self._api.close()


def main() -> None:
    host, port, url = sys.argv[1:]
    writer = Writer(url)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="peer", clean_session=False)
    client.on_message = writer.on_message
    client.on_connect = lambda c, *_: c.subscribe("devices/+/telemetry", 1)
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    client.connect(host, int(port))
    client.loop_start()
    sys.stdin.read()
    client.disconnect()
    client.loop_stop()
    writer.close()
    print(writer.samples, flush=True)


if __name__ == "__main__":
    main()
