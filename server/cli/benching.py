"""`forewarn bench`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import DataDir

if TYPE_CHECKING:
    from server.bench import Credential
    from server.kit.settings import Settings

bench = typer.Typer(no_args_is_help=True, help="Load, to see what a server holds.")


@bench.callback()
def _group() -> None:
    """Keeps `fleet` a command of its own while it is the only one."""


@bench.command("fleet")
def fleet(
    devices: Annotated[int, typer.Option("--devices", min=1, max=20_000, help="So many.")] = 100,
    pack_samples: Annotated[
        int, typer.Option("--pack-samples", help="Samples in one message, 1 to 10,000.")
    ] = 100,
    metrics: Annotated[int, typer.Option("--metrics", help="Of each device, 1 to 1,000.")] = 10,
    rate: Annotated[
        float,
        typer.Option("--rate", help="Packs a second of all devices; 0: as fast as acknowledged."),
    ] = 0.0,
    duration: Annotated[float, typer.Option("--duration", help="Seconds of publishing.")] = 30.0,
    in_flight: Annotated[
        int, typer.Option("--in-flight", help="Packs of a device that wait for PUBACK, 1 to 1,000.")
    ] = 20,
    storm_after: Annotated[
        float | None,
        typer.Option("--storm-after", help="Cut all connections after so many seconds, once."),
    ] = None,
    subscribe_qos: Annotated[
        int, typer.Option("--subscribe-qos", help="Of the devices' commands; the agent's is 0.")
    ] = 0,
    drain: Annotated[
        float, typer.Option("--drain", help="Seconds to wait for what is owed at the end.")
    ] = 60.0,
    settle: Annotated[
        float,
        typer.Option(
            "--settle",
            help="Seconds in which all are connected and none sends, before the first pack and after "
            "the last PUBACK: to measure connecting and sending apart.",
        ),
    ] = 0.0,
    prefix: Annotated[
        str, typer.Option("--prefix", help="Devices are called PREFIX-00001 and so on.")
    ] = "bench",
    credentials: Annotated[
        Path | None,
        typer.Option(
            "--credentials",
            help="File of what `forewarn device import` printed; else devices of the data directory "
            "are used, and added where they are missing.",
        ),
    ] = None,
    mqtt: Annotated[
        str | None, typer.Option("--mqtt", help="Broker; else that of the data directory's server.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Connect a fleet of devices and let it publish SenML packs at QoS 1.

    Each device has a connection, a will, a birth and a subscription of its own, as the agent has. It
    says on standard error how it goes and ends with one JSON line: packs sent, acknowledged, sent
    again; times to connect and to PUBACK; the generator's own share of a core. Exit code 0 only when
    every device was let in and every pack was acknowledged.
    """
    from server.bench import BenchError, Fleet, FleetPlan
    from server.bench.plan import address
    from server.cli.running import runner
    from server.cli.state import mqtt_url
    from server.kit.settings import load

    settings = load(data_dir=data_dir)
    host, port = address(mqtt or mqtt_url(settings))
    plan = FleetPlan(
        host=host,
        port=port,
        pack_samples=pack_samples,
        metrics=metrics,
        packs_per_s=rate,
        duration_s=duration,
        in_flight=in_flight,
        storm_after_s=storm_after,
        subscribe_qos=subscribe_qos,
        drain_s=drain,
        settle_s=settle,
    )
    if credentials is None:
        names = [f"{prefix}-{number:05}" for number in range(1, devices + 1)]
        known = _own(settings, names, lasting_s=duration + drain + 2 * settle + 3600)
    else:
        known = _given(credentials)[:devices]
        if len(known) < devices:
            raise BenchError(f"{credentials} has credentials of {len(known)} devices only")
    made = Fleet(plan, known, tell=lambda line: typer.echo(line, err=True))
    with runner() as running:
        report = running.run(made.run())
    print(json.dumps(report.as_json()))
    if not report.complete:
        raise typer.Exit(1)


def _given(file: Path) -> list[Credential]:
    from server.bench import BenchError, read_credentials

    try:
        with file.open("rb") as lines:
            return read_credentials(lines)
    except OSError as error:
        raise BenchError(f"{file} can't be read: {error.strerror}") from error


def _own(settings: Settings, names: list[str], lasting_s: float) -> list[Credential]:
    """Devices of the records beside us: added where missing, else with secrets for this run."""
    from datetime import timedelta

    from server.bench import BenchError, Credential
    from server.cli.state import opened_records
    from server.device import repository
    from server.device.service import add_device
    from server.device.temporary import TemporarySecrets
    from server.kit.clock import SystemClock
    from server.kit.data_directory import DataDirectory

    if settings.database_url is None and not DataDirectory(settings.data_dir).records_file.exists():
        raise BenchError(
            f"there are no records in {settings.data_dir}: give --credentials and --mqtt, "
            "or the right --data-dir"
        )
    now = SystemClock().now()
    found, added = [], 0
    with opened_records(settings) as records, records.transaction() as session:
        temporary = TemporarySecrets.of(settings.data_dir)
        for name in names:
            if repository.exists(session, name):
                expires = now + timedelta(seconds=lasting_s)
                secret = temporary.mint(session, name, expires=expires)
            else:
                _, secret = add_device(session, device_id=name, model="bench", now=now)
                added += 1
            found.append(Credential(name, secret))
    if added:
        typer.echo(f"added {added} devices", err=True)
    return found
