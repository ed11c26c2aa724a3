"""Nodes of nats-server that somebody else runs, as the server's processes use them.

`forewarn setup nats` writes the nodes' configuration and the keys that are read here. Each pipeline
process answers the gate's questions and keeps messages of QoS 0; nats-server gives each question and each
message to one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import nats
import nats.errors
import nkeys
from nats.aio.client import Client

from device_agent.wire.topics import device_topic, valid_device_id
from server.broker.at_most_once import AtMostOnce
from server.broker.auth_callout import AuthCallout, Authenticator
from server.broker.claims import SigningKey
from server.broker.connections import disconnect_user
from server.broker.errors import BrokerError, BrokerStartFailed, BrokerUnavailable
from server.broker.partitions import mapped_subject
from server.broker.stream import DeviceStream
from server.broker.subjects import subject_of
from server.kit.text import one_line

_log = logging.getLogger(__name__)

KEYS: Final = ("account", "service", "system")
_RECONNECT_PAUSE_S: Final = 0.2
_CONNECT_TIMEOUT_S: Final = 2
_FLUSH_TIMEOUT_S: Final = 5
_PENDING_BYTES: Final = 16 * 2**20
_START_PAUSE_S: Final = 1.0
_PROBE: Final = "forewarn-probe"
_PROBE_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """How the nodes are reached."""

    urls: tuple[str, ...]
    keys: Path
    """Folder with `account.seed`, `service.seed`, `system.seed`."""
    partitions: int
    replicas: int
    stream_max_age_s: float
    stream_max_bytes: int
    concurrent_checks: int = 8
    foreign_roots: tuple[str, ...] = ()
    """First levels of foreign topics."""


class ClusterBroker:
    """`client` is our own connection; it moves to another node by itself."""

    def __init__(
        self,
        settings: ClusterSettings,
        authenticator: Authenticator | None = None,
        *,
        on_reconnect: Callable[[], None] = lambda: None,
    ) -> None:
        """Without an authenticator it only speaks and listens: for a web process."""
        self._settings = settings
        self._authenticator = authenticator
        self._on_reconnect = on_reconnect
        self._stack = contextlib.AsyncExitStack()
        self._client: Client | None = None
        self._system: Client | None = None
        self._stream: DeviceStream | None = None

    async def __aenter__(self) -> Self:
        """Waits as long as no node is up. Raises BrokerStartFailed for keys or nodes that don't fit."""
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def client(self) -> Client:
        if self._client is None:
            raise BrokerUnavailable("the broker is not connected yet")
        return self._client

    @property
    def stream(self) -> DeviceStream:
        if self._stream is None:
            raise BrokerUnavailable("this process does not read the stream")
        return self._stream

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    @property
    def writing(self) -> bool:
        """What the nodes' disks do is watched by whoever runs the nodes."""
        return True

    async def publish_command(self, device_id: str, payload: bytes) -> None:
        """Hand a command to the device if it is connected; nobody keeps it if it is not.

        Raises BrokerUnavailable while no node is reached.
        """
        if not valid_device_id(device_id):
            raise BrokerError("that is not a device id")
        await self.publish(device_topic(device_id, "commands"), payload)

    async def publish(self, topic: str, payload: bytes) -> None:
        """See DeviceBroker; at QoS 0."""
        if not self.connected:
            raise BrokerUnavailable("the broker is not connected")
        try:
            await self.client.publish(subject_of(topic), payload)
            await self.client.flush(timeout=_FLUSH_TIMEOUT_S)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BrokerUnavailable(f"the message did not reach the broker: {error}") from error

    async def disconnect_device(self, device_id: str) -> int:
        """Cut the device's live connections on every node; how many there were."""
        if self._system is None:
            raise BrokerUnavailable("the broker is not connected yet")
        nodes = len(self._settings.urls)
        return await disconnect_user(self._system, device_id, nodes=nodes)

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self._settings
        keys = read_keys(settings.keys)
        self._client = client = await self._connect(stack, keys["service"], "forewarn")
        if self._authenticator is None:
            return
        self._system = await self._connect(stack, keys["system"], "forewarn-system")
        self._stream = DeviceStream(
            client,
            max_age_s=settings.stream_max_age_s,
            max_bytes=settings.stream_max_bytes,
            replicas=settings.replicas,
        )
        await self._until_ready(self._stream.ensure)
        await self._until_ready(self._stream.keep_retained_in_memory)
        await self._check_mapping()
        copying = await self._connect(stack, keys["service"], "forewarn-qos0")
        qos0 = AtMostOnce(copying, settings.foreign_roots)
        await qos0.start(f"part{settings.partitions}.*.devices.*.*")
        callout = AuthCallout(
            self._authenticator,
            keys["account"],
            concurrent_checks=settings.concurrent_checks,
            partitions=settings.partitions,
        )
        stack.push_async_callback(callout.stop)
        await callout.start(client)
        await client.flush(timeout=_FLUSH_TIMEOUT_S)

    async def _until_ready(self, ask: Callable[[], object]) -> None:
        """A cluster that starts has no leader yet; said once, tried until it has."""
        said = False
        while True:
            try:
                await ask()  # type: ignore[misc]
            except BrokerUnavailable as error:
                if not said:
                    _log.warning("the broker's stream is not ready, waiting: %s", error)
                said = True
                await asyncio.sleep(_START_PAUSE_S)
            else:
                return

    async def _check_mapping(self) -> None:
        """The nodes must cut the telemetry as we read it; otherwise no sample would ever be seen."""
        expected = mapped_subject(_PROBE, self._settings.partitions)
        answer = await self.client.subscribe(expected, max_msgs=1)
        await self.client.flush(timeout=_FLUSH_TIMEOUT_S)
        await self.client.publish(f"devices.{_PROBE}.telemetry", b"")
        try:
            await answer.next_msg(timeout=_PROBE_TIMEOUT_S)
        except (TimeoutError, nats.errors.TimeoutError) as error:
            raise BrokerStartFailed(
                f"the nodes at {', '.join(self._settings.urls)} do not cut the devices into "
                f"{self._settings.partitions} partitions: run `forewarn setup nats` with the same "
                "FOREWARN_PARTITIONS and give them the files that it writes"
            ) from error
        finally:
            await answer.unsubscribe()

    async def _connect(
        self, stack: contextlib.AsyncExitStack, key: SigningKey, name: str
    ) -> Client:
        async def on_error(error: Exception) -> None:
            _log.debug("%s: %s", name, one_line(str(error) or type(error).__name__))

        async def on_reconnect() -> None:
            _log.info("%s: connected to another node, or to this one again", name)
            self._on_reconnect()

        said = False
        while True:
            try:
                client = await nats.connect(
                    list(self._settings.urls),
                    name=name,
                    nkeys_seed_str=key.seed,
                    error_cb=on_error,
                    reconnected_cb=on_reconnect,
                    connect_timeout=_CONNECT_TIMEOUT_S,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_RECONNECT_PAUSE_S,
                    # A node that is cut off without a word is noticed after two of these.
                    ping_interval=5,
                    max_outstanding_pings=2,
                    pending_size=_PENDING_BYTES,
                    allow_reconnect=True,
                )
            except nats.errors.NoServersError:
                if not said:
                    _log.warning("no broker node is reached yet, waiting for one")
                said = True
                await asyncio.sleep(_START_PAUSE_S)
            except (nats.errors.Error, OSError) as error:
                where = ", ".join(self._settings.urls)
                raise BrokerStartFailed(f"the broker at {where} refuses us: {error}") from error
            else:
                stack.push_async_callback(client.close)
                return client


def read_keys(folder: Path) -> dict[str, SigningKey]:
    """By name, as `forewarn setup nats` wrote them. Raises BrokerStartFailed."""
    found = {}
    for name in KEYS:
        file = folder / f"{name}.seed"
        try:
            found[name] = SigningKey(file.read_text("ascii").strip())
        except (OSError, ValueError, nkeys.NkeysError) as error:
            raise BrokerStartFailed(
                f"{file} can't be used ({error}): every process of a cluster needs the keys that "
                "`forewarn setup nats` wrote"
            ) from error
    return found
