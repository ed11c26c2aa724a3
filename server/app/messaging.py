"""Which broker this server uses: its own, or the one that `mqtt_url` names; alike from here on."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from server.broker.address import parse_address
from server.broker.auth_callout import Authenticator
from server.broker.broker import Broker
from server.broker.config import BrokerSettings
from server.broker.external import ExternalBroker
from server.broker.port import DeviceBroker
from server.ingest.foreign.topic_map import TOPICS_FILE, TopicMap, load_topic_map
from server.ingest.jetstream import JetStreamSource
from server.ingest.mqtt import DEVICE_FILTERS, MqttIntakes
from server.ingest.source import Source
from server.kit.data_directory import DataDirectory
from server.kit.errors import CannotStart
from server.kit.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Messaging:
    """A broker in use: the way down, the way up, and where devices find it."""

    broker: DeviceBroker
    open_source: Callable[[int], Source]
    url: str
    is_ready: Callable[[], bool]
    topics: TopicMap
    """Whose foreign topics are."""


async def start_messaging(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    data: DataDirectory,
    authenticator: Authenticator,
) -> Messaging:
    """Runs until `stack` ends. Raises CannotStart leaves, ConfigurationError."""
    topics = load_topic_map(settings.topic_map or data.root / TOPICS_FILE)
    if settings.mqtt_url is None:
        return await _embedded(stack, settings, data, authenticator, topics)
    return await _external(stack, settings, data, settings.mqtt_url, topics)


async def _embedded(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    data: DataDirectory,
    authenticator: Authenticator,
    topics: TopicMap,
) -> Messaging:
    broker = await stack.enter_async_context(
        Broker(_broker_settings(settings, data, topics), authenticator)
    )
    return Messaging(
        broker,
        lambda after: JetStreamSource(broker.client, broker.stream, start_after=after),
        f"mqtt://{settings.host}:{broker.mqtt_port}",
        lambda: broker.connected and broker.writing,
        topics,
    )


async def _external(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    data: DataDirectory,
    url: str,
    topics: TopicMap,
) -> Messaging:
    ca_file = str(settings.mqtt_ca_file) if settings.mqtt_ca_file else None
    address = parse_address(url, ca_file=ca_file, mqtt_5=settings.mqtt_protocol == "5")
    data.broker_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = data.broker_dir / "journal.sqlite3"
    try:
        intakes = MqttIntakes(
            address,
            file,
            filters=(*DEVICE_FILTERS, *topics.subscriptions()),
            workers=settings.mqtt_share_workers,
            max_bytes=settings.stream_max_bytes,
        )
    except sqlite3.Error as error:
        raise CannotStart(f"{file} can't be opened: {error}") from error
    stack.push_async_callback(intakes.stop)
    broker = ExternalBroker(address)
    stack.push_async_callback(broker.stop)
    intakes.start()
    broker.start()
    log.info("using the broker at %s", address.url)
    return Messaging(
        broker,
        intakes.source,
        settings.public_mqtt_url or address.url,
        lambda: broker.connected and intakes.connected and intakes.writing,
        topics,
    )


def _broker_settings(settings: Settings, data: DataDirectory, topics: TopicMap) -> BrokerSettings:
    return BrokerSettings(
        directory=data.broker_dir,
        host=settings.host,
        mqtt_port=settings.mqtt_port,
        foreign_roots=tuple(topics.roots()),
        stream_max_age_s=settings.stream_max_age_days * 86_400,
        stream_max_bytes=settings.stream_max_bytes,
    )
