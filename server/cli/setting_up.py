"""`forewarn setup`: other programs told what Forewarn needs of them."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import DataDir

setup = typer.Typer(no_args_is_help=True, help="Set up other programs that Forewarn works with.")


@setup.command("mosquitto")
def mosquitto(
    directory: Annotated[
        Path,
        typer.Option("--dir", help="Where Mosquitto shall find the three files.", file_okay=False),
    ],
    data_dir: DataDir = None,
) -> None:
    """Write Mosquitto's password file, access list and configuration lines from the records.

    A running server with `mosquitto_dir` set keeps the first two current.
    """
    import secrets

    from server.broker.address import parse_address
    from server.cli.state import opened_records
    from server.device.mosquitto import ACCESS, CONFIG, PASSWORDS, MosquittoFiles, config_file
    from server.kit.errors import ConfigurationError
    from server.kit.settings import load

    settings = load(data_dir=data_dir)
    address = parse_address(settings.mqtt_url) if settings.mqtt_url else None
    user = (address.username if address else "") or "forewarn"
    password = (address.password if address else "") or secrets.token_urlsafe(24)
    directory = directory.absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with opened_records(settings) as records, records.reading() as session:
            without = MosquittoFiles(directory, user, password).write(session)
        (directory / CONFIG).write_text(config_file(directory))
    except OSError as error:
        raise ConfigurationError(f"{directory}: {error.strerror or error}") from error
    say = typer.echo
    say(f"wrote {PASSWORDS}, {ACCESS} and {CONFIG} in {directory}", err=True)
    if without:
        say(f"{without} devices are from before: give each a new secret to let it in", err=True)
    say(f"1. let Mosquitto's group read them: chgrp mosquitto {directory}/forewarn.*", err=True)
    say(f"2. include {directory / CONFIG} in mosquitto.conf and reload Mosquitto", err=True)
    if address is None or not (address.username and address.password):
        host = f"{address.host}:{address.port}" if address else "127.0.0.1:1883"
        say("3. put these lines into forewarn.toml and start Forewarn anew:", err=True)
        print(f'mqtt_url = "mqtt://{user}:{password}@{host}"')
    else:
        say("3. put this line into forewarn.toml and start Forewarn anew:", err=True)
    print(f'mosquitto_dir = "{directory}"')


@setup.command("influx")
def influx(
    admin_token: Annotated[
        str | None,
        typer.Option(
            "--admin-token",
            envvar="FOREWARN_INFLUX_ADMIN_TOKEN",
            help="May make buckets and tasks; else telemetry_token is used.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make the buckets and the downsampling task that telemetry in InfluxDB needs.

    Goes by telemetry_url and the retention settings; run it again after changing them. InfluxDB keeps
    all metrics of a bucket alike: telemetry_retention by metric has no effect there.
    """
    from server.kit.settings import load
    from server.telemetry.influx_setup import set_up
    from server.telemetry.opening import influx_place, retention_of

    settings = load(data_dir=data_dir)
    place = influx_place(settings.telemetry_url or "", admin_token or settings.telemetry_token)
    changes = set_up(place, retention_of(settings))
    for change in changes:
        typer.echo(change, err=True)
    if not changes:
        typer.echo("all is as it should be", err=True)
    if settings.telemetry_retention:
        typer.echo("telemetry_retention by metric has no effect in InfluxDB", err=True)
