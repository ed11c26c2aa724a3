"""The gate: nats-server asks here before it lets an MQTT client in, and is told what it may do.

A device may publish its own telemetry, state, events and results, and hear its own commands; that is
all. Who is who decides the `Authenticator`, which runs in threads because it may read a database.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg

from device_agent.wire.topics import valid_device_id
from server.broker.claims import ClaimsError, SigningKey, decode, encode
from server.broker.config import APP_ACCOUNT, AUTH_TIMEOUT_S
from server.broker.partitions import mapped_subject
from server.broker.subjects import subject_of
from server.kit.text import one_line

_log = logging.getLogger(__name__)

SUBJECT: Final = "$SYS.REQ.USER.AUTH"
UP_LEAVES: Final = ("telemetry", "state", "events", "results")
_QUEUE: Final = "forewarn-auth"
_NO_LIMIT: Final = -1
_REFUSED: Final = "unknown device or wrong password"


@dataclass(frozen=True, slots=True)
class Grant:
    """The client is this device; `topics` are filters that it may use beside its own topics."""

    device_id: str
    topics: tuple[str, ...] = ()


class Authenticator(Protocol):
    """Knows the devices' credentials. Called from several threads at once; compares in constant time."""

    def check(self, username: str, password: str, client_id: str) -> Grant | None:
        """Who this is, or None to refuse. All three are as the client sent them."""
        ...


class AuthCallout:
    """Answers nats-server's questions on one connection; `start` once, `stop` once."""

    def __init__(
        self,
        authenticator: Authenticator,
        key: SigningKey,
        *,
        concurrent_checks: int,
        partitions: int = 0,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`partitions` is in how many the broker cuts the devices' telemetry; 0: it does not."""
        self._authenticator = authenticator
        self._key = key
        self._partitions = partitions
        self._now_s = now_s
        self._threads = ThreadPoolExecutor(concurrent_checks, thread_name_prefix="device-auth")
        self._running: set[asyncio.Task[None]] = set()
        self.accepted = 0
        self.refused = 0

    async def start(self, client: Client) -> None:
        await client.subscribe(SUBJECT, queue=_QUEUE, cb=self._on_request)

    async def stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _on_request(self, message: Msg) -> None:
        # One slow check must not hold up the others: each has its own task, the pool bounds them.
        task = asyncio.create_task(self._answer(message))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, message: Msg) -> None:
        asked_s = self._now_s()
        try:
            body, server_id, user_key = _understand(message.data)
        except ClaimsError as error:
            _log.warning("auth request that makes no sense: %s", one_line(str(error)))
            return
        grant = await self._check(body)
        if self._now_s() - asked_s > AUTH_TIMEOUT_S:
            _log.warning("a credentials check took longer than %d s", AUTH_TIMEOUT_S)
        reply: dict[str, Any] = {"type": "authorization_response", "version": 2}
        if grant is None:
            self.refused += 1
            reply["error"] = _REFUSED
        else:
            self.accepted += 1
            claims = device_claims(grant, user_key, partitions=self._partitions)
            reply["jwt"] = encode(claims, self._key, issued_at_s=self._now_s())
        answer = {"aud": server_id, "sub": user_key, "nats": reply}
        await message.respond(encode(answer, self._key, issued_at_s=self._now_s()).encode())

    async def _check(self, body: dict[str, Any]) -> Grant | None:
        """The authenticator's word on an MQTT client; anything else, and any failure, is refused."""
        options, info = body.get("connect_opts"), body.get("client_info")
        if not isinstance(options, dict) or not isinstance(info, dict):
            return None
        username, password = options.get("user"), options.get("pass")
        client_id = info.get("mqtt_id") or ""
        if info.get("type") != "mqtt" or not isinstance(username, str) or not username:
            return None
        loop = asyncio.get_running_loop()
        try:
            grant = await loop.run_in_executor(
                self._threads,
                self._authenticator.check,
                username,
                password if isinstance(password, str) else "",
                str(client_id),
            )
        except Exception:  # noqa: BLE001 - whatever it is, the gate stays shut and the broker gets an answer
            _log.exception("credentials check failed, refused: %s", one_line(username))
            return None
        if grant is None:
            _log.info("refused device %s", one_line(username))
        elif not valid_device_id(grant.device_id):
            # It would become part of a permission, where "*" means everybody.
            _log.error("authenticator named an impossible device, refused")
            return None
        return grant


def _understand(token: bytes) -> tuple[dict[str, Any], str, str]:
    """A request's body, the server that asks and the key it gave the user; raises ClaimsError."""
    request = decode(token)
    try:
        body: dict[str, Any] = request["nats"]
        server_id: str = body["server_id"]["id"]
        user_key: str = body["user_nkey"]
    except (KeyError, TypeError) as error:
        raise ClaimsError("not an authorization request") from error
    if request["iss"] != server_id:
        raise ClaimsError("not signed by the server that asks")
    return body, server_id, user_key


def device_claims(grant: Grant, user_key: str, *, partitions: int = 0) -> dict[str, Any]:
    """The user claims of one device: its own topics, and those given to it, over MQTT only."""
    own = [f"devices.{grant.device_id}.{leaf}" for leaf in UP_LEAVES]
    if partitions:
        # nats-server maps a subject before it asks whether publishing there is allowed.
        own.append(mapped_subject(grant.device_id, partitions))
    given = [subject for topic_filter in grant.topics for subject in _subjects(topic_filter)]
    return {
        "aud": APP_ACCOUNT,
        "sub": user_key,
        "name": grant.device_id,
        "nats": {
            "type": "user",
            "version": 2,
            "pub": {"allow": own + given},
            "sub": {"allow": [f"devices.{grant.device_id}.commands", "$MQTT.sub.>", *given]},
            "subs": _NO_LIMIT,
            "data": _NO_LIMIT,
            "payload": _NO_LIMIT,
            "allowed_connection_types": ["MQTT"],
        },
    }


def _subjects(topic_filter: str) -> list[str]:
    """`a/#` is `a` too, as MQTT has it."""
    subject = subject_of(topic_filter)
    return [subject, subject.removesuffix(".>")] if subject.endswith(".>") else [subject]
