"""`forewarn replay`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import DataDir

_PATIENCE_S = 120.0
"""A file that is more than a device's share is taken in with pauses."""

if TYPE_CHECKING:
    from server.kit.settings import Settings
    from server.replay import Playback, TableOptions


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="CSV, also gzipped.")],
    device: Annotated[str, typer.Option("--device", help="The device that it becomes.")],
    time_column: Annotated[
        str | None, typer.Option("--time", help="Column of the times; else guessed.")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option("--time-format", help="As strptime, e.g. '%d.%m.%y %H:%M'.")
    ] = None,
    period: Annotated[
        float | None,
        typer.Option("--period", min=1e-3, help="Seconds between rows, for files without times."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="Move the first row to this time (ISO 8601, UTC).")
    ] = None,
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move all times so that the replay ends now.")
    ] = False,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed", min=1e-6, help="Multiple of real time; else as fast as acknowledged."
        ),
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", help="Leave a column out (repeatable).")
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", help="COLUMN=UNIT in SenML's units (repeatable).")
    ] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="Else guessed.")] = None,
    mqtt: Annotated[
        str | None, typer.Option("--mqtt", help="Broker; else that of the data directory's server.")
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(
            "--password",
            envvar="FOREWARN_DEVICE_PASSWORD",
            help="The device's; else taken care of through the data directory.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Play a CSV as a device's telemetry, through MQTT, with the times it has.

    The whole file is checked before anything is sent. A device that does not exist yet is added.
    Ends with one JSON line, and with exit code 0 only when everything was acknowledged.
    """
    from server.kit.settings import load
    from server.replay import Playback, TableOptions, open_table

    options = TableOptions(
        time=time_column,
        time_format=time_format,
        period_s=period,
        delimiter=_delimiter(delimiter),
        skip=skip or (),
        units=_units(unit or ()),
    )
    settings = load(data_dir=data_dir)
    table = open_table(file, options)
    playback = Playback.check(
        table,
        speed=speed,
        start_s=_moment(start),
        shift_to_now=shift_to_now,
        now_s=time.time(),
    )
    _tell(playback, options)
    _publish(playback, device, mqtt, password, settings)


def _publish(
    playback: Playback, device: str, mqtt: str | None, password: str | None, settings: Settings
) -> None:
    import secrets

    from server.cli.state import mqtt_url
    from server.replay import Publisher, play

    secret = password or _own_secret(settings, device, playback)
    # Not the device's own client id: a replay must not push the real device off the broker.
    client_id = f"{device}-replay-{secrets.token_hex(4)}"
    publisher = Publisher(
        mqtt or mqtt_url(settings),
        device,
        secret,
        client_id=client_id,
        patience_s=_PATIENCE_S,
    )
    publisher.connect()
    try:
        with _progress(playback.rows) as advance:
            report = play(
                playback,
                device,
                publisher,
                clock_s=time.monotonic,
                sleep=time.sleep,
                progress=advance,
            )
    finally:
        publisher.close()
    print(json.dumps(report.as_json()))


def _own_secret(settings: Settings, device_id: str, playback: Playback) -> str:
    """Credentials from the records beside us: a new device's own, or short-lived ones."""
    from datetime import timedelta

    from server.cli.state import opened_records
    from server.device import repository
    from server.device.service import add_device
    from server.device.temporary import TemporarySecrets
    from server.kit.clock import SystemClock
    from server.kit.data_directory import DataDirectory
    from server.replay import ReplayError

    if settings.database_url is None and not DataDirectory(settings.data_dir).records_file.exists():
        raise ReplayError(
            f"there are no records in {settings.data_dir}: give the device's --password "
            "and --mqtt, or the right --data-dir"
        )
    now = SystemClock().now()
    lasting = timedelta(seconds=(playback.last_s - playback.first_s) / playback.speed + 3600)
    with opened_records(settings) as records, records.transaction() as session:
        if not repository.exists(session, device_id):
            _, secret = add_device(session, device_id=device_id, now=now)
            typer.echo(f"added the device {device_id}", err=True)
            return secret
        temporary = TemporarySecrets.of(settings.data_dir)
        return temporary.mint(session, device_id, expires=now + lasting)


def _tell(playback: Playback, options: TableOptions) -> None:
    for notice in playback.table.notices:
        typer.echo(notice, err=True)
    if playback.backward_rows:
        typer.echo(
            f"{playback.backward_rows} rows go back in time; they are sent as they are", err=True
        )
    names = [f"{m.name} [{m.unit}]" if m.unit else m.name for m in playback.table.metrics]
    typer.echo(
        f"{playback.rows} rows of {', '.join(names[:12])}{' …' if names[12:] else ''}", err=True
    )
    if options.skip:
        typer.echo(f"left out: {', '.join(options.skip)}", err=True)


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    with Progress(
        TextColumn("replay"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
        console=console,
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task("replay", total=rows)
        yield lambda done: progress.advance(task, done)


def _units(pairs: Sequence[str]) -> dict[str, str]:
    from server.replay import ReplayError

    units = {}
    for pair in pairs:
        column, equals, unit = pair.rpartition("=")
        if not equals or not column:
            raise ReplayError(f"--unit {pair!r}: write COLUMN=UNIT, e.g. --unit 'Temp=Cel'")
        units[column] = unit
    return units


def _delimiter(given: str | None) -> str | None:
    from server.replay import ReplayError

    named = {"tab": "\t", "\\t": "\t", "space": " "}.get(given or "", given)
    if named is not None and (len(named) != 1 or named in '"\r\n'):
        raise ReplayError("--delimiter must be one character, or 'tab' or 'space'")
    return named


def _moment(text: str | None) -> float | None:
    from datetime import UTC, datetime

    from server.replay import ReplayError

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ReplayError(f"--start {text!r} is not a time such as 2026-03-01T12:00:00Z") from error
