"""A data directory's records, for commands that run beside the server or without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from server.broker.address import parse_address
from server.kit.data_directory import DataDirectory
from server.kit.database import Database
from server.kit.errors import CannotStart
from server.kit.settings import Settings
from server.kit.text import one_line
from server.migrations import upgrade
from server.telemetry.opening import open_store
from server.telemetry.store import TelemetryStore


@contextmanager
def opened_records(settings: Settings) -> Iterator[Database]:
    """The records, at this version's schema; safe while a server runs. Raises CannotStart leaves."""
    data = DataDirectory(settings.data_dir)
    data.prepare()
    url = settings.database_url
    database = Database(url) if url else Database.at(data.records_file)
    try:
        try:
            upgrade(database)
        except SQLAlchemyError as error:
            raise CannotStart(
                f"the records can't be opened: {one_line(str(error.__cause__ or error))}"
            ) from error
        yield database
    finally:
        database.close()


@contextmanager
def opened_telemetry(settings: Settings) -> Iterator[TelemetryStore]:
    """The store of the settings. Raises Conflict while a server has the embedded one's file open."""
    store = open_store(settings, DataDirectory(settings.data_dir).telemetry_file)
    try:
        yield store
    finally:
        store.close()


def mqtt_url(settings: Settings) -> str:
    """Where this data directory's broker is: as the running server says, else as it will be."""
    try:
        running = json.loads((settings.data_dir / "server.json").read_text("utf-8"))
        return str(running["mqtt"])
    except (OSError, ValueError, KeyError, TypeError):
        if settings.mqtt_url:
            return settings.public_mqtt_url or parse_address(settings.mqtt_url).url
        return f"mqtt://{settings.host}:{settings.mqtt_port}"
