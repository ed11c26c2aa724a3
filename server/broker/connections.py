"""Live connections, seen and cut through the system account."""

from __future__ import annotations

import json
from typing import Any, Final

import nats.errors
from nats.aio.client import Client

from server.broker.errors import BrokerUnavailable

_PAGE: Final = 1024
_TIMEOUT_S: Final = 2.0


async def disconnect_user(system: Client, user: str) -> int:
    """Cut every connection that was let in as `user`; how many there were."""
    found = 0
    while connections := await _connections_of(system, user):
        for server_id, connection_id in connections:
            await _request(system, f"$SYS.REQ.SERVER.{server_id}.KICK", {"cid": connection_id})
        found += len(connections)
        if len(connections) < _PAGE:
            break
    return found


async def _connections_of(system: Client, user: str) -> list[tuple[str, int]]:
    answer = await _request(
        system,
        "$SYS.REQ.SERVER.PING.CONNZ",
        {"auth": True, "user": user, "limit": _PAGE},
    )
    server_id = answer["server"]["id"]
    return [
        (server_id, connection["cid"])
        for connection in answer["data"].get("connections") or []
        if connection.get("authorized_user") == user
    ]


async def _request(system: Client, subject: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        message = await system.request(subject, json.dumps(body).encode(), timeout=_TIMEOUT_S)
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise BrokerUnavailable(f"the broker did not answer: {error!r}") from error
    answer: dict[str, Any] = json.loads(message.data)
    if answer.get("error"):
        raise BrokerUnavailable(f"the broker refused: {answer['error']}")
    return answer
