"""The broker as the server sees it: started, gated, supervised, stopped.

Call order: `start` (or `async with`) once; everything else between that and `stop`, on one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import nats
import nats.errors
import nkeys
from nats.aio.client import Client

from device_agent.wire.topics import device_topic, valid_device_id
from server.broker.at_most_once import AtMostOnce
from server.broker.auth_callout import AuthCallout, Authenticator
from server.broker.claims import SigningKey, load_or_create_key
from server.broker.config import BrokerSettings, ServerKeys, ServerPorts, render_config
from server.broker.connections import disconnect_user
from server.broker.disk_watch import DiskWatch
from server.broker.errors import BrokerError, BrokerStartFailed, BrokerUnavailable
from server.broker.server_binary import find_server_binary
from server.broker.stream import DeviceStream
from server.broker.subjects import subject_of
from server.broker.supervisor import Supervisor, claim_port
from server.kit.data_directory import InstanceLock
from server.kit.text import one_line

_log = logging.getLogger(__name__)

_Part = TypeVar("_Part")

_RECONNECT_PAUSE_S: Final = 0.1
_FLUSH_TIMEOUT_S: Final = 5
_PENDING_BYTES: Final = 16 * 2**20
# A credentials check that was under way when a device was revoked may still let it in.
_REVOKE_PASSES: Final = 3
_REVOKE_PAUSE_S: Final = 0.3
_LARGEST_SHARE_OF_DISK: Final = 0.8
# After a full disk, so much must be free again.
_ROOM_BYTES: Final = 64 * 2**20


class Broker:
    """The embedded broker. `client` is our own connection; it reconnects by itself."""

    def __init__(
        self,
        settings: BrokerSettings,
        authenticator: Authenticator,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._environment = os.environ if environment is None else environment
        self._stack = contextlib.AsyncExitStack()
        self._client: Client | None = None
        self._system: Client | None = None
        self._ports: ServerPorts | None = None
        self._stream: DeviceStream | None = None
        self._supervisor: Supervisor | None = None
        self._disk: DiskWatch | None = None

    async def start(self) -> None:
        """Ready for devices when it returns. Raises CannotStart leaves, the reason in the message."""
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        """Devices are cut off, the store is closed; takes `stop_timeout_s` at most, and a little."""
        await self._stack.aclose()
        self._client = self._system = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def mqtt_port(self) -> int:
        return _started(self._ports).mqtt

    @property
    def client_url(self) -> str:
        """Where NATS clients connect; they need our key."""
        return f"nats://127.0.0.1:{_started(self._ports).client}"

    @property
    def client(self) -> Client:
        return _started(self._client)

    @property
    def stream(self) -> DeviceStream:
        return _started(self._stream)

    @property
    def restarts(self) -> int:
        """How often nats-server has been started again."""
        return _started(self._supervisor).restarts

    @property
    def pid(self) -> int | None:
        """Of nats-server; None while it is down."""
        return _started(self._supervisor).pid

    @property
    def writing(self) -> bool:
        """False while the disk is full: devices are heard by nobody then."""
        return _started(self._disk).writing

    @property
    def connected(self) -> bool:
        """Whether our own connection stands right now."""
        return self._client is not None and self._client.is_connected

    async def publish_command(self, device_id: str, payload: bytes) -> None:
        """Hand a command to the device if it is connected; nobody keeps it if it is not.

        Raises BrokerUnavailable while the broker is down.
        """
        if not valid_device_id(device_id):
            raise BrokerError("that is not a device id")
        await self.publish(device_topic(device_id, "commands"), payload)

    async def publish(self, topic: str, payload: bytes) -> None:
        """See DeviceBroker; at QoS 0."""
        client = self.client
        if not client.is_connected:
            raise BrokerUnavailable("the broker is not connected")
        try:
            await client.publish(subject_of(topic), payload)
            await client.flush(timeout=_FLUSH_TIMEOUT_S)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BrokerUnavailable(f"the message did not reach the broker: {error}") from error

    async def disconnect_device(self, device_id: str) -> int:
        """Cut the device's live connections, after its credentials were revoked; how many there were.

        Raises BrokerUnavailable when the broker can't be asked. A broker that is down has none.
        """
        system = _started(self._system)
        cut = 0
        for turn in range(_REVOKE_PASSES):
            if turn:
                await asyncio.sleep(_REVOKE_PAUSE_S)
            cut += await disconnect_user(system, device_id)
        return cut

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self._settings
        binary = find_server_binary(self._environment)
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(InstanceLock(settings.directory / "lock"))
        issuer = _account_key(settings)
        # Ours change at each start: nobody but this process needs them.
        service = SigningKey.generate(nkeys.PREFIX_BYTE_USER)
        system = SigningKey.generate(nkeys.PREFIX_BYTE_USER)
        self._supervisor = supervisor = self._make_supervisor(binary)
        await supervisor.stop_orphan()
        ports = ServerPorts(
            mqtt=claim_port(settings.host, settings.mqtt_port),
            client=claim_port("127.0.0.1", settings.client_port),
        )
        keys = ServerKeys(issuer.public, service.public, system.public)
        settings.config_path.write_text(render_config(settings, ports, keys))
        stack.push_async_callback(supervisor.stop)
        await supervisor.start([(settings.host, ports.mqtt), ("127.0.0.1", ports.client)])
        self._ports = ports
        self._client = await self._connect(stack, service, "forewarn")
        self._system = await self._connect(stack, system, "forewarn-system")
        self._stream = DeviceStream(
            self._client,
            max_age_s=settings.stream_max_age_s,
            max_bytes=self._affordable_bytes(),
        )
        # Before the first device: nats-server would make the stream its own way.
        await self._stream.ensure()
        await self._stream.keep_retained_in_memory()
        copying = await self._connect(stack, service, "forewarn-qos0")
        await AtMostOnce(copying, settings.foreign_roots).start()
        callout = AuthCallout(
            self._authenticator, issuer, concurrent_checks=settings.concurrent_checks
        )
        stack.push_async_callback(callout.stop)
        await callout.start(self._client)
        await self._client.flush(timeout=_FLUSH_TIMEOUT_S)
        watching = asyncio.create_task(_started(self._disk).run(), name="broker-disk")
        stack.push_async_callback(_cancelled, watching)
        _log.info("broker listens for devices on %s port %d", settings.host, ports.mqtt)

    def _make_supervisor(self, binary: Path) -> Supervisor:
        settings = self._settings
        disk = DiskWatch(
            free_bytes=lambda: shutil.disk_usage(settings.directory).free,
            needed_bytes=min(_ROOM_BYTES, shutil.disk_usage(settings.directory).total // 20),
            restart=lambda: supervisor.recycle(),  # noqa: PLW0108 - made two lines below
        )
        supervisor = Supervisor(
            [str(binary), "-c", str(settings.config_path)],
            pid_path=settings.pid_path,
            start_timeout_s=settings.start_timeout_s,
            stop_timeout_s=settings.stop_timeout_s,
            on_line=disk.saw,
        )
        self._disk = disk
        return supervisor

    async def _connect(
        self, stack: contextlib.AsyncExitStack, key: SigningKey, name: str
    ) -> Client:
        async def on_error(error: Exception) -> None:
            _log.debug("%s: %s", name, one_line(str(error) or type(error).__name__))

        client = await nats.connect(
            self.client_url,
            name=name,
            nkeys_seed_str=key.seed,
            error_cb=on_error,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_PAUSE_S,
            ping_interval=20,
            pending_size=_PENDING_BYTES,
        )
        stack.push_async_callback(client.close)
        return client

    def _affordable_bytes(self) -> int:
        """The stream's limit: as set, or what the disk has if that is less (said in the log)."""
        settings = self._settings
        store = settings.directory / "store"
        used = (
            sum(f.stat().st_size for f in store.rglob("*") if f.is_file()) if store.exists() else 0
        )
        free = shutil.disk_usage(settings.directory).free
        affordable = int((free + used) * _LARGEST_SHARE_OF_DISK)
        if affordable < settings.stream_max_bytes:
            _log.warning(
                "the disk has room for %d MB of unprocessed messages, not the %d MB set",
                affordable // 2**20,
                settings.stream_max_bytes // 2**20,
            )
        return min(settings.stream_max_bytes, affordable)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _account_key(settings: BrokerSettings) -> SigningKey:
    path = settings.directory / "account.seed"
    try:
        return load_or_create_key(path, nkeys.PREFIX_BYTE_ACCOUNT)
    except (OSError, ValueError, nkeys.NkeysError) as error:
        raise BrokerStartFailed(
            f"{path} can't be used ({error}); without it a new one is made, which harms nobody"
        ) from error


def _started(part: _Part | None) -> _Part:
    if part is None:
        raise BrokerUnavailable("the broker is not started")
    return part
