"""What nats-server is told: one file, written anew at every start.

Two accounts: SYS answers questions about the server itself (who is connected, drop this one), APP
holds devices, stream and our own service connection. Everyone but the two keys listed here is asked
for by the auth callout.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

APP_ACCOUNT: Final = "APP"
SYSTEM_ACCOUNT: Final = "SYS"
# The wire allows 1 MiB of payload; the rest is room for headers and for judging an oversized pack
# ourselves. Beyond it the broker drops the connection, which the client sees.
MAX_PAYLOAD_BYTES: Final = 2 * 2**20
# How long a device waits while its credentials are checked. A thousand devices that reconnect at
# once queue behind each other.
AUTH_TIMEOUT_S: Final = 10
# How long a message may wait for its place on the disk. nats-server closes the connection after that
# (its own default is 5 s), and a fleet that comes back with a backlog fills the queue of a slow disk
# for longer: it would be thrown out, come back, and send the same again.
WRITE_TIMEOUT_S: Final = 20


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How the embedded broker runs; every port on `host`, 0 takes a free one."""

    directory: Path
    """Everything the broker keeps; nobody else writes here."""
    mqtt_port: int = 1883
    client_port: int = 0
    host: str = "127.0.0.1"
    foreign_roots: tuple[str, ...] = ()
    """First levels of topics beside `devices/` that are listened to."""
    stream_max_age_s: float = 7 * 86_400
    stream_max_bytes: int = 8 * 2**30
    start_timeout_s: float = 30.0
    stop_timeout_s: float = 5.0
    # The credentials check may touch a database; so many run at a time.
    concurrent_checks: int = 8

    @property
    def config_path(self) -> Path:
        return self.directory / "nats-server.conf"

    @property
    def pid_path(self) -> Path:
        return self.directory / "nats-server.pid"


@dataclass(frozen=True, slots=True)
class ServerPorts:
    mqtt: int
    client: int


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """Public halves only: the configuration file holds no secret."""

    issuer: str
    service: str
    system: str


def render_config(settings: BrokerSettings, ports: ServerPorts, keys: ServerKeys) -> str:
    """The configuration, in the JSON dialect that nats-server reads."""
    config = {
        "server_name": "forewarn",
        # Our own connection and the devices' callout stay on this machine, whatever MQTT binds to.
        "host": "127.0.0.1",
        "port": ports.client,
        "max_payload": MAX_PAYLOAD_BYTES,
        "write_deadline": "10s",
        "jetstream": {
            "store_dir": str(settings.directory / "store"),
            # fsync before each acknowledgement: a PUBACK outlives a power cut.
            "sync_interval": "always",
            # The telemetry stream bounds itself; this leaves room for sessions and retained states.
            "max_file_store": settings.stream_max_bytes + 2**30,
            "max_memory_store": 256 * 2**20,
        },
        "mqtt": {
            "host": settings.host,
            "port": ports.mqtt,
            "js_api_timeout": f"{WRITE_TIMEOUT_S}s",
        },
        "accounts": {
            SYSTEM_ACCOUNT: {"users": [{"nkey": keys.system}]},
            APP_ACCOUNT: {"jetstream": "enabled", "users": [{"nkey": keys.service}]},
        },
        "system_account": SYSTEM_ACCOUNT,
        "authorization": {
            "timeout": AUTH_TIMEOUT_S,
            "auth_callout": {
                "issuer": keys.issuer,
                "account": APP_ACCOUNT,
                "auth_users": [keys.service, keys.system],
            },
        },
    }
    return json.dumps(config, indent=2) + "\n"
