"""`forewarn backup`, `forewarn restore` and `forewarn export`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli.options import DataDir

if TYPE_CHECKING:
    from server.kit.settings import Settings


def backup(
    destination: Annotated[
        Path, typer.Argument(metavar="DEST", help="A directory that is empty, or not there yet.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Copy all state into DEST, while the server runs or without one. Ends with one JSON line.

    Records, telemetry and the detectors' memory are of one moment. Records on PostgreSQL and samples on
    a server of their own are not in it: back those up with their own tools.
    """
    from server.app.control import NotRunning, ask
    from server.kit.settings import load

    settings = load(data_dir=data_dir)
    request = {"do": "backup", "to": str(destination.absolute())}
    with _progress("backup") as tell:
        try:
            done = ask(settings.data_dir, request, tell)
        except NotRunning:
            done = _still_backup(settings, destination.absolute(), tell)
    for name, elsewhere in (("records.sqlite3", "records"), ("telemetry.duckdb", "samples")):
        if name not in done["has"]:
            typer.secho(
                f"the {elsewhere} are not in it: they are not in the data directory", err=True
            )
    print(json.dumps(done))


def _still_backup(settings: Settings, destination: Path, tell: Callable[[float], None]) -> Any:
    """No server runs: nobody else may start one while this copies."""
    from server.app import backup as making
    from server.cli.state import opened_records, opened_telemetry
    from server.kit.clock import SystemClock
    from server.kit.data_directory import DataDirectory
    from server.kit.errors import BadInput
    from server.telemetry.store import Frozen

    data = DataDirectory(settings.data_dir)
    if not data.root.is_dir():
        raise BadInput("--data-dir", f"{data.root} does not exist")
    with data.lock(), opened_records(settings) as records, opened_telemetry(settings) as store:
        target = making.begin(destination)
        frozen: list[Frozen] = []
        try:
            frozen += making.freeze(data, store, target)
            making.copy_all(data, target, frozen, tell, with_broker=True)
            return making.finish(target, records, now=SystemClock().now(), live=False)
        except OSError as error:
            raise making.failed(target, error) from error
        finally:
            for part in frozen:
                part.close()
            making.abandon(target)


def restore(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="What `forewarn backup` made.")],
    data_dir: DataDir = None,
) -> None:
    """Make a new data directory from a backup. Ends with one JSON line.

    The directory must be empty, or not there yet; every file is checked against the backup's sums.
    Start the server on it as usual: it goes on from the moment of the backup.
    """
    from server.app.restoring import restore as restored
    from server.kit.settings import load

    root = load(data_dir=data_dir).data_dir.absolute()
    with _progress("restore") as tell:
        done = restored(source.absolute(), root, tell)
    print(json.dumps(done))


def export(
    destination: Annotated[
        Path, typer.Argument(metavar="DEST", help="A directory that is empty, or not there yet.")
    ],
    device: Annotated[str | None, typer.Option("--device", help="Only of this device.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="Only this metric.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="From this time on (ISO 8601, UTC).")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this time.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write raw samples as Parquet files into DEST. Ends with one JSON line.

    Columns: device_id, metric, unit, time_utc (microseconds), value. Read them all at once with
    DuckDB's or pandas' read_parquet("DEST/*.parquet"). Works while the server runs.
    """
    from server.app.control import NotRunning, ask
    from server.cli.state import opened_telemetry
    from server.kit.data_directory import DataDirectory
    from server.kit.settings import load
    from server.telemetry.export import ExportOf
    from server.telemetry.export import export as exported

    settings = load(data_dir=data_dir)
    wanted = {
        "device_id": device,
        "metric": metric,
        "from_s": _moment("--from", since),
        "to_s": _moment("--to", until),
    }
    request = {"do": "export", "to": str(destination.absolute()), "of": wanted}
    with _progress("export") as tell:
        try:
            done = ask(settings.data_dir, request, tell)
        except NotRunning:
            with DataDirectory(settings.data_dir).lock(), opened_telemetry(settings) as store:
                done = exported(store, destination.absolute(), ExportOf(**wanted), tell)  # type: ignore[arg-type]
    print(json.dumps(done))


@contextmanager
def _progress(what: str) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def _moment(option: str, text: str | None) -> float | None:
    from datetime import UTC, datetime

    from server.kit.errors import BadInput

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise BadInput(option, f"{text!r} is not a time such as 2026-03-01T12:00:00Z") from error
