"""`forewarn failure` and `forewarn model`: failure within a time, and versions of learned models."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.scoring import progress_bar

failure = typer.Typer(
    no_args_is_help=True, help="How likely a failure is within a time, learned from units."
)
model = typer.Typer(
    no_args_is_help=True,
    help="Models that the server learns from verdicts (train, versions, use), and versions of model "
    "files (offer, list, revert): the better one is used, reversibly.",
)

Shelf = Annotated[
    Path, typer.Option("--shelf", help="Folder of the versions; current.skops is used.")
]


@failure.command("fit")
def fit_failure(
    train: Annotated[Path, typer.Argument(metavar="TRAIN.csv")],
    unit: Annotated[str, typer.Option("--unit", help="Column that names the unit.")],
    time_column: Annotated[str, typer.Option("--time", help="Column of the time or cycle.")],
    within: Annotated[
        float, typer.Option("--within", help="The horizon, in the time column's unit.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The model is written here, as skops.")],
    failed: Annotated[
        str | None,
        typer.Option(
            "--failed", help="Column that is 1 on units which failed; without it all did."
        ),
    ] = None,
    settings: Annotated[
        str, typer.Option("--settings", help="Columns of operating settings, separated by commas.")
    ] = "",
) -> None:
    """Learn from units of which some failed: those at their last row; the others live."""
    from anomaly.fleet.failure import fit

    columns = [name.strip() for name in settings.split(",") if name.strip()]
    with progress_bar("failure fit") as told:
        made = fit(
            train, unit=unit, time=time_column, within=within, failed=failed, settings=columns,
            out=out, progress=told,
        )  # fmt: skip
    typer.echo(
        f"wrote {out}; on units held out its squared error is {made.brier:.3f}, "
        f"{made.base_brier:.3f} for always telling the mean",
        err=True,
    )


@failure.command("predict")
def predict_failure(
    test: Annotated[Path, typer.Argument(metavar="TEST.csv")],
    model_file: Annotated[Path, typer.Option("--model", help="As written by `failure fit`.")],
    out: Annotated[Path, typer.Option("--out", help="unit,probability is written here.")],
) -> None:
    """Tell how likely each unit fails within the horizon, as of its last row."""
    from anomaly.fleet.failure import predict

    with progress_bar("failure predict") as told:
        rows = predict(test, model=model_file, out=out, progress=told)
    typer.echo(f"wrote {len(rows)} units to {out}", err=True)


@model.command("offer")
def offer(
    candidate: Annotated[
        Path, typer.Argument(metavar="MODEL.skops", help="Of life or of failure.")
    ],
    held_out: Annotated[
        Path,
        typer.Option("--test", help="CSV of units that failed after both models were trained."),
    ],
    shelf: Shelf,
) -> None:
    """Compare a new model with the one in use, on the same units; use it if it is better."""
    from anomaly.fleet.shelf import Shelf as Versions
    from server.kit.clock import SystemClock

    made = Versions(shelf).offer(candidate, held_out, now=SystemClock().now())
    against = "" if made.current_error is None else f", {made.current_error:g} in use"
    said = "is used now" if made.taken else "is kept, and not used"
    typer.echo(f"version {made.number} {said}: error {made.error:g}{against}", err=True)


@model.command("list")
def list_versions(shelf: Shelf) -> None:
    """All versions: when offered, how good against the one then in use, which is used now."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from anomaly.fleet.shelf import Shelf as Versions

    table = Table("version", "offered", "units", "error", "against", "", box=box.SIMPLE)
    used = Versions(shelf).current()
    for made in Versions(shelf).versions():
        against = "-" if made.current_error is None else f"{made.current_error:g}"
        mark = "in use" if made.number == used else ""
        table.add_row(
            str(made.number), made.offered_at, str(made.units), f"{made.error:g}", against, mark
        )
    if table.row_count == 0:
        typer.echo("no versions yet: forewarn model offer MODEL.skops --test T.csv", err=True)
        return
    Console(width=None if Console().is_terminal else 1000).print(table)


@model.command("revert")
def revert(
    to: Annotated[int, typer.Option("--to", min=1, help="A version.")], shelf: Shelf
) -> None:
    """Use an earlier version again."""
    from anomaly.fleet.shelf import Shelf as Versions

    Versions(shelf).revert(to)
    typer.echo(f"version {to} is used now", err=True)
