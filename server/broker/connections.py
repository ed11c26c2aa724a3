"""Live connections, seen and cut through the system account, on every node of a cluster."""

from __future__ import annotations

import json
from typing import Any, Final

import nats.errors
from nats.aio.client import Client

from server.broker.errors import BrokerUnavailable

_PAGE: Final = 1024
_TIMEOUT_S: Final = 2.0
_STRAGGLERS_S: Final = 0.3


async def disconnect_user(system: Client, user: str, *, nodes: int = 1) -> int:
    """Cut every connection that was let in as `user`; how many there were.

    Of `nodes` those that are up are asked: a dead one has no connections.
    """
    found = 0
    while connections := await _connections_of(system, user, nodes):
        for server_id, connection_id in connections:
            await _request(system, f"$SYS.REQ.SERVER.{server_id}.KICK", {"cid": connection_id})
        found += len(connections)
        if len(connections) < _PAGE:
            break
    return found


async def _connections_of(system: Client, user: str, nodes: int) -> list[tuple[str, int]]:
    question = {"auth": True, "user": user, "limit": _PAGE}
    answers = await _ask_all(system, "$SYS.REQ.SERVER.PING.CONNZ", question, nodes)
    return [
        (answer["server"]["id"], connection["cid"])
        for answer in answers
        for connection in answer["data"].get("connections") or []
        if connection.get("authorized_user") == user
    ]


async def _ask_all(
    system: Client, subject: str, body: dict[str, Any], nodes: int
) -> list[dict[str, Any]]:
    """Every node's answer; of fewer than `nodes` those that come without a pause."""
    if nodes == 1:
        return [await _request(system, subject, body)]
    inbox = await system.subscribe(system.new_inbox())
    try:
        await system.publish(subject, json.dumps(body).encode(), reply=inbox.subject)
        answers: list[dict[str, Any]] = []
        while len(answers) < nodes:
            pause_s = _STRAGGLERS_S if answers else _TIMEOUT_S
            try:
                message = await inbox.next_msg(timeout=pause_s)
            except TimeoutError:
                break
            answers.append(json.loads(message.data))
    except (nats.errors.Error, OSError) as error:
        raise BrokerUnavailable(f"the broker did not answer: {error!r}") from error
    finally:
        await inbox.unsubscribe()
    if not answers:
        raise BrokerUnavailable("no node of the broker answered")
    return answers


async def _request(system: Client, subject: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        message = await system.request(subject, json.dumps(body).encode(), timeout=_TIMEOUT_S)
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise BrokerUnavailable(f"the broker did not answer: {error!r}") from error
    answer: dict[str, Any] = json.loads(message.data)
    if answer.get("error"):
        raise BrokerUnavailable(f"the broker refused: {answer['error']}")
    return answer
