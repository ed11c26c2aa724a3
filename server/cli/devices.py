"""`forewarn device`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import json
from typing import Annotated

import typer

from server.cli.importing import import_devices
from server.cli.options import DataDir

Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topics",
        metavar="FILTER",
        help="A topic filter that it may use beside devices/ID/…, e.g. 'tele/plug-1/#'; repeatable.",
    ),
]
Gateway = Annotated[
    str | None,
    typer.Option("--via", metavar="GATEWAY_ID", help="The device whose topics carry its messages."),
]

device = typer.Typer(no_args_is_help=True, help="Devices on record.")
device.command("import")(import_devices)


@device.command("add")
def add(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE_ID")],
    owner: Annotated[str | None, typer.Option("--owner", help="E-mail of its owner.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="As people call it.")] = None,
    model: Annotated[str, typer.Option("--model")] = "",
    site: Annotated[str, typer.Option("--site")] = "",
    topics: Topics = None,
    via: Gateway = None,
    enroll: Annotated[
        bool, typer.Option("--enroll", help="Print a token for `forewarn-agent enroll` instead.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Put a device on record and print its credentials as one JSON line. They can't be shown again."""
    from server.account.service import user_by_email
    from server.cli.state import mqtt_url, opened_records
    from server.device.enrolment import make_token
    from server.device.service import add_device
    from server.kit.clock import SystemClock
    from server.kit.settings import load

    settings = load(data_dir=data_dir)
    with opened_records(settings) as records, records.transaction() as session:
        owner_id = user_by_email(session, owner).id if owner else None
        added, secret = add_device(
            session,
            device_id=device_id,
            name=name,
            owner_id=owner_id,
            model=model,
            site=site,
            topics=topics or (),
            gateway_id=via,
            now=SystemClock().now(),
        )
        printed = {
            "device_id": added.id,
            "username": added.id,
            "password": secret,
            "mqtt": mqtt_url(settings),
        }
        if enroll:
            token, expires_at = make_token(session, added.id, now=SystemClock().now())
            printed = {
                "device_id": added.id,
                "token": token,
                "expires_at": expires_at.isoformat(timespec="seconds"),
            }
    print(json.dumps(printed))


@device.command("enroll")
def enroll_known(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE_ID")],
    claim: Annotated[str | None, typer.Option("--claim", help="The code the device shows.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a token for a device on record and print it as one JSON line; its older ones end."""
    from server.cli.state import opened_records
    from server.device.enrolment import make_token
    from server.kit.clock import SystemClock
    from server.kit.settings import load

    now = SystemClock().now()
    with opened_records(load(data_dir=data_dir)) as records, records.transaction() as session:
        token, expires_at = make_token(session, device_id, claim_code=claim, now=now)
    until = expires_at.isoformat(timespec="seconds")
    print(json.dumps({"device_id": device_id, "token": token, "expires_at": until}))


@device.command("allow")
def allow_topics(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE_ID")],
    topics: Topics = None,
    via: Gateway = None,
    none: Annotated[bool, typer.Option("--none", help="Take all of its filters away.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Say which topics beside devices/ID/… a device on record may use; replaces what was said before.

    Its connections are cut so that it comes back with the new rights.
    """
    from server.cli.state import opened_records
    from server.device.service import allow
    from server.kit.clock import SystemClock
    from server.kit.errors import BadInput
    from server.kit.settings import load

    if none == bool(topics) and not via:
        raise BadInput("topics", "give --topics FILTER, or --none, or --via GATEWAY_ID")
    wanted = [] if none else topics or None
    with opened_records(load(data_dir=data_dir)) as records, records.transaction() as session:
        changed = allow(session, device_id, topics=wanted, gateway_id=via, now=SystemClock().now())
        shown = {"device_id": changed.id, "topics": changed.topics, "via": changed.gateway_id}
    print(json.dumps(shown))


@device.command("list")
def list_devices(data_dir: DataDir = None) -> None:
    """List all devices: id, name, model, site, whether connected, when last heard."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from server.cli.state import opened_records
    from server.device.repository import page
    from server.kit.settings import load

    table = Table("id", "name", "model", "site", "connected", "last heard (UTC)", box=box.SIMPLE)
    after: str | None = None
    with opened_records(load(data_dir=data_dir)) as records, records.reading() as session:
        while rows := page(session, owner_id=None, text="", after=after, limit=500):
            for row in rows:
                connected = "revoked" if row.revoked_at else "yes" if row.online else "no"
                heard = f"{row.last_seen_at:%Y-%m-%d %H:%M:%S}" if row.last_seen_at else "never"
                table.add_row(row.id, row.name, row.model, row.site, connected, heard)
            after = rows[-1].id
    if table.row_count == 0:
        typer.echo("no devices yet: forewarn device add DEVICE_ID", err=True)
        return
    Console(width=None if Console().is_terminal else 1000).print(table)
