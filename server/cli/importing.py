"""`forewarn device import`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from server.cli.options import DataDir

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_COLUMNS: Final = ("device_id", "name", "model", "site", "owner", "topics", "via")


def import_devices(
    file: Annotated[
        str, typer.Argument(metavar="FILE.csv", help="With a header; - is standard input.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Put many devices on record and print the credentials of each as one JSON line.

    Columns: device_id, and where wanted name, model, site, owner (an e-mail address), topics (filters of
    foreign topics, with spaces between) and via (the gateway's id, on record or in an earlier line). All
    devices are added or, when one of them can't be, none: the line and the reason are said. The
    credentials can't be shown again.
    """
    from server.cli.state import mqtt_url, opened_records
    from server.kit.settings import load

    settings = load(data_dir=data_dir)
    with (
        _opened(file) as lines,
        opened_records(settings) as records,
        records.transaction() as session,
    ):
        added = list(_added(session, lines))
    url = mqtt_url(settings)
    for device_id, secret in added:
        line = {"device_id": device_id, "username": device_id, "password": secret, "mqtt": url}
        print(json.dumps(line))


@contextlib.contextmanager
def _opened(file: str) -> Iterator[Iterable[str]]:
    from server.kit.errors import BadInput

    if file == "-":
        yield sys.stdin
        return
    try:
        with Path(file).open(newline="", encoding="utf-8-sig") as lines:
            yield lines
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("file", f"{file} can't be read: {error}") from error


def _added(session: Session, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(device id, secret) of each row; raises BadInput that names the line."""
    from server.account.service import user_by_email
    from server.device.service import add_device
    from server.kit.clock import SystemClock
    from server.kit.errors import BadInput, ForewarnError

    now = SystemClock().now()
    rows = csv.DictReader(lines, restkey="surplus")
    columns = [name.strip() for name in rows.fieldnames or ()]
    if "device_id" not in columns or set(columns) - set(_COLUMNS):
        raise BadInput("header", f"must name device_id and may name {', '.join(_COLUMNS[1:])}")
    rows.fieldnames = columns
    owners: dict[str, int] = {}
    try:
        for row in rows:
            if "surplus" in row:
                raise BadInput("row", "has more fields than the header")
            given = {name: (row.get(name) or "").strip() for name in _COLUMNS}
            email = given["owner"]
            if email and email not in owners:
                owners[email] = user_by_email(session, email).id
            device, secret = add_device(
                session,
                device_id=given["device_id"],
                name=given["name"] or None,
                owner_id=owners[email] if email else None,
                model=given["model"],
                site=given["site"],
                topics=given["topics"].split(),
                gateway_id=given["via"] or None,
                now=now,
            )
            yield device.id, secret
    except (ForewarnError, csv.Error) as error:
        reason = error.message if isinstance(error, ForewarnError) else str(error)
        raise BadInput(f"line {rows.line_num}", f"{reason}; nothing was added") from error
