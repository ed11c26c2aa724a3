"""What the nodes of a cluster are told: one configuration file for each, and the keys of our processes."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nkeys

from server.broker.claims import load_or_create_key
from server.broker.config import (
    APP_ACCOUNT,
    AUTH_TIMEOUT_S,
    MAX_PAYLOAD_BYTES,
    SYSTEM_ACCOUNT,
    WRITE_TIMEOUT_S,
)
from server.broker.partitions import mappings
from server.kit.errors import BadInput

_NODE: Final = re.compile(r"([A-Za-z0-9_.-]+)(?::(\d+):(\d+):(\d+))?")
_PREFIXES: Final = {
    "account": nkeys.PREFIX_BYTE_ACCOUNT,
    "service": nkeys.PREFIX_BYTE_USER,
    "system": nkeys.PREFIX_BYTE_USER,
}


@dataclass(frozen=True, slots=True)
class Node:
    """One nats-server: where devices, our processes and the other nodes reach it."""

    name: str
    host: str
    mqtt_port: int = 1883
    client_port: int = 4222
    cluster_port: int = 6222

    @classmethod
    def parse(cls, text: str, number: int) -> Node:
        """`HOST` or `HOST:MQTT:CLIENT:CLUSTER`. Raises BadInput."""
        match = _NODE.fullmatch(text)
        ports = [int(port) for port in match.groups()[1:] if port] if match else []
        if match is None or not all(0 < port < 65536 for port in ports):
            raise BadInput("node", f"{text!r} is not HOST or HOST:MQTT:CLIENT:CLUSTER (ports)")
        return cls(f"forewarn-{number}", match[1], *ports)


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """The whole cluster; validates itself (BadInput)."""

    nodes: tuple[Node, ...]
    partitions: int
    replicas: int
    listen: str
    """Address on every node that its listeners bind to."""
    store: str
    """Folder of the messages, of each node below it under its name."""
    store_max_bytes: int
    tls_certificate: str | None = None
    tls_key: str | None = None

    def __post_init__(self) -> None:
        if len(self.nodes) not in {1, 3, 5}:
            raise BadInput("node", "a cluster has 3 or 5 nodes, so that a majority is left; or one")
        if self.replicas > len(self.nodes):
            raise BadInput("replicas", f"{len(self.nodes)} nodes can't hold {self.replicas} copies")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise BadInput("tls-key", "a certificate and its key go together")


def write(plan: ClusterPlan, folder: Path) -> list[Path]:
    """The nodes' configurations, and below `folder/keys` what our processes need; keys that are there
    stay. Returns the configurations.
    """
    keys_folder = folder / "keys"
    keys_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = {
        name: load_or_create_key(keys_folder / f"{name}.seed", prefix).public
        for name, prefix in _PREFIXES.items()
    }
    secret = _cluster_secret(keys_folder / "cluster.secret")
    written = []
    for node in plan.nodes:
        file = folder / f"{node.name}.conf"
        file.touch(mode=0o600)  # it holds the secret of the routes
        file.write_text(json.dumps(_configuration(plan, node, public, secret), indent=2) + "\n")
        written.append(file)
    return written


def _cluster_secret(file: Path) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


def _configuration(
    plan: ClusterPlan, node: Node, public: dict[str, str], secret: str
) -> dict[str, Any]:
    mqtt: dict[str, Any] = {
        "host": plan.listen,
        "port": node.mqtt_port,
        "stream_replicas": plan.replicas,
        "consumer_replicas": 1,
        "consumer_memory_storage": True,
        "js_api_timeout": f"{WRITE_TIMEOUT_S}s",
    }
    if plan.tls_certificate:
        mqtt["tls"] = {"cert_file": plan.tls_certificate, "key_file": plan.tls_key}
    config: dict[str, Any] = {
        "server_name": node.name,
        "host": plan.listen,
        "port": node.client_port,
        "max_payload": MAX_PAYLOAD_BYTES,
        "write_deadline": "10s",
        "jetstream": {
            "store_dir": f"{plan.store}/{node.name}",
            # fsync before each acknowledgement: a PUBACK outlives a power cut of all nodes at once.
            "sync_interval": "always",
            "max_file_store": plan.store_max_bytes + 2**30,
            "max_memory_store": 256 * 2**20,
        },
        "mqtt": mqtt,
        "accounts": {
            SYSTEM_ACCOUNT: {"users": [{"nkey": public["system"]}]},
            APP_ACCOUNT: {
                "jetstream": "enabled",
                "users": [{"nkey": public["service"]}],
                "mappings": mappings(plan.partitions),
            },
        },
        "system_account": SYSTEM_ACCOUNT,
        "authorization": {
            "timeout": AUTH_TIMEOUT_S,
            "auth_callout": {
                "issuer": public["account"],
                "account": APP_ACCOUNT,
                "auth_users": [public["service"], public["system"]],
            },
        },
    }
    if len(plan.nodes) > 1:
        config["cluster"] = {
            "name": "forewarn",
            "host": plan.listen,
            "port": node.cluster_port,
            "authorization": {"user": "forewarn", "password": secret},
            "routes": [
                f"nats://forewarn:{secret}@{other.host}:{other.cluster_port}"
                for other in plan.nodes
                if other != node
            ],
        }
    return config
