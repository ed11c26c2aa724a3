"""What every role of a larger installation stands on: records, samples and broker, each on a server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.broker.cluster import ClusterSettings
from server.ingest.foreign.topic_map import TOPICS_FILE, TopicMap, load_topic_map
from server.kit.clock import Clock, SystemClock
from server.kit.database import Database
from server.kit.errors import CannotStart, ConfigurationError
from server.kit.settings import Settings
from server.kit.text import one_line
from server.migrations import upgrade
from server.telemetry.opening import open_store
from server.telemetry.store import TelemetryStore

NO_TOPICS: Final = TopicMap()
_OF_PARTITIONS: Final = re.compile(r"part\d+")

OnReady = Callable[[str], Awaitable[None] | None]
"""Told the address of the role's HTTP listener."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Opened by `open_standing`, closed with its stack."""

    settings: Settings
    clock: Clock
    records: Database
    telemetry: TelemetryStore
    cluster: ClusterSettings
    topics: TopicMap

    def records_answer(self) -> bool:
        try:
            with self.records.reading() as session:
                session.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True


def open_standing(stack: contextlib.ExitStack, settings: Settings) -> Standing:
    """Raises ConfigurationError naming what a role can't do without, and CannotStart."""
    topics = load_topic_map(settings.topic_map or settings.data_dir / TOPICS_FILE)
    cluster = cluster_settings(settings, topics)
    records = Database(settings.database_url or "")
    stack.callback(records.close)
    try:
        upgrade(records)
    except SQLAlchemyError as error:
        raise CannotStart(
            f"the records can't be opened: {one_line(str(error.__cause__ or error))}"
        ) from error
    telemetry = open_store(settings, settings.data_dir / "unused")
    stack.callback(telemetry.close)
    return Standing(settings, SystemClock(), records, telemetry, cluster, topics)


def cluster_settings(settings: Settings, topics: TopicMap = NO_TOPICS) -> ClusterSettings:
    """Raises ConfigurationError for a setting that is missing or is of one machine only."""
    wanted = {
        "database_url": ("postgresql://user:password@host/name", settings.database_url),
        "telemetry_url": ("victoriametrics+http://host:8428", settings.telemetry_url),
        "nats_url": ("nats://host1:4222,nats://host2:4222", settings.nats_url),
    }
    for name, (example, value) in wanted.items():
        if not value:
            raise ConfigurationError(
                f"{name} is needed to run roles apart, e.g. {example}; "
                "for everything in one process there is `forewarn up`"
            )
    if settings.mqtt_url:
        raise ConfigurationError("mqtt_url: roles apart use the nodes of nats_url, not this broker")
    if taken := next((root for root in topics.roots() if _OF_PARTITIONS.fullmatch(root)), None):
        raise ConfigurationError(
            f"topic_map: topics may not begin with {taken}: partitions of the devices are called so"
        )
    if not str(settings.database_url).startswith("postgres"):
        raise ConfigurationError(
            "database_url: several machines can't share SQLite; use postgresql://"
        )
    return ClusterSettings(
        urls=tuple(url.strip() for url in str(settings.nats_url).split(",") if url.strip()),
        keys=settings.nats_keys or settings.data_dir / "nats" / "keys",
        partitions=settings.partitions,
        replicas=settings.nats_replicas,
        stream_max_age_s=settings.stream_max_age_days * 86_400,
        stream_max_bytes=settings.stream_max_bytes,
        foreign_roots=tuple(topics.roots()),
    )
