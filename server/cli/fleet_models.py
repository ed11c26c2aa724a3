"""`forewarn model train|versions|use`: models that the server learns from its own verdicts."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import DataDir
from server.cli.scoring import progress_bar

if TYPE_CHECKING:
    from server.detection.model import FleetModel

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Of devices, as `forewarn tune list` shows it.")
]


def train(model: Model, data_dir: DataDir = None) -> None:
    """Learn remaining life and failure from verdicts and stored samples; use what is better.

    A running server does so itself every six hours. It keeps the embedded telemetry file to itself:
    stop it first, or keep samples in a store that several processes may open.
    """
    import asyncio

    from server.app.foresight import Foresight
    from server.cli.state import opened_records, opened_telemetry
    from server.detection import fleet_models, lives, tuning
    from server.kit.clock import SystemClock
    from server.kit.errors import NotFound
    from server.kit.settings import load

    settings, clock = load(data_dir=data_dir), SystemClock()
    cohort = tuning.cohort_of(model)
    with opened_records(settings) as records:
        with records.reading() as session:
            if cohort not in tuning.cohorts(session):
                raise NotFound(f"no device is of the model {cohort!r}")
            known = lives.lives_of(session, cohort, now=clock.now())
        failures = fleet_models.failures_known(known)
        missing = fleet_models.LEAST_FAILURES - failures
        if missing > 0:
            typer.echo(
                f"{cohort}: failures known by verdicts: {failures}; still missing: {missing}",
                err=True,
            )
            raise typer.Exit(1)
        with opened_telemetry(settings) as store, progress_bar("model train") as told:
            foresight = Foresight(records, store, clock, settings, lambda: None)
            made = asyncio.run(foresight.learn(cohort, anew=True, progress=told))
    if not made:
        typer.echo(
            f"{cohort}: of {failures} failures too few have samples, or too few are newer than the "
            "model in use",
            err=True,
        )
        raise typer.Exit(1)
    for row in made:
        said = "is used now" if row.in_use else "is kept, and not used"
        typer.echo(f"{row.kind}, version {row.version} {said}: {_errors(row)}", err=True)


def versions(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="Of devices; all without.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Versions that the server learned, newest first: on what, how good, which is in use."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from server.cli.state import opened_records
    from server.detection import repository, tuning
    from server.kit.settings import load

    table = Table(
        "model", "of", "version", "made (UTC)", "failures", "held out", "errors", "", box=box.SIMPLE
    )
    with opened_records(load(data_dir=data_dir)) as records, records.reading() as session:
        for row in repository.fleet_models(session, tuning.cohort_of(model) if model else None):
            mark = "in use" if row.in_use else ""
            mark += f" (by {row.used_by})" if row.used_by else ""
            table.add_row(
                row.cohort, row.kind, str(row.version), f"{row.made_at:%Y-%m-%d %H:%M}",
                str(row.failures), str(row.held_out), _errors(row), mark,
            )  # fmt: skip
    if table.row_count == 0:
        typer.echo("no versions yet: they come with verdicts, or by forewarn model train", err=True)
        return
    Console(width=None if Console().is_terminal else 1000).print(table)


def use(
    model: Model,
    kind: Annotated[str, typer.Option("--of", help="life or failure.")],
    version: Annotated[int, typer.Option("--version", min=0, help="0: none is used.")],
    data_dir: DataDir = None,
) -> None:
    """Use another version from the next look on, or none."""
    from server.cli.state import opened_records
    from server.detection import fleet_models, tuning
    from server.kit.settings import load

    cohort = tuning.cohort_of(model)
    with opened_records(load(data_dir=data_dir)) as records, records.transaction() as session:
        fleet_models.use(session, cohort, kind, version, by="command line")
    said = f"version {version} is used now" if version else "none is used now"
    typer.echo(f"{cohort}, {kind}: {said}", err=True)


def _errors(row: FleetModel) -> str:
    unit = " days" if row.kind == "life" else ""
    rival = "" if row.current_error is None else f", {row.current_error:.3g} of the one in use"
    return f"{row.error:.3g}{unit}{rival}, {row.mean_error:.3g} of always the mean"
