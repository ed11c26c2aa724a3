"""`forewarn score`: the detector on anyone's CSV."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.plain_text import one_line

if TYPE_CHECKING:
    from anomaly.score import ScoreReport


def score(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE.csv…", help="Several files are several devices of one cohort."
        ),
    ],
    time_column: Annotated[
        str | None, typer.Option("--time", help="Column of the times; else guessed.")
    ] = None,
    commission: Annotated[
        int | None,
        typer.Option("--commission", min=1, help="So many first rows are known to be healthy."),
    ] = None,
    false_alarms_per_day: Annotated[
        float | None,
        typer.Option(
            "--false-alarms-per-day", help="Budget of false alarm episodes a device and day."
        ),
    ] = None,
    cohort: Annotated[
        bool,
        typer.Option(
            "--cohort/--no-cohort",
            help="Several devices are of one kind: find who is unlike the others for days.",
        ),
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write time,device,metric,score,alarm here.")
    ] = None,
    findings: Annotated[
        Path | None, typer.Option("--findings", help="Write the findings here, as JSON.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the metrics and findings here, PNG or SVG.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 when there are findings.")
    ] = False,
) -> None:
    """Score CSV files: every column but the time is a metric, or every line is one reading (columns
    time, metric, value and maybe device). Prints the problems found, a line each; what detectors say of
    the same thing counts as one. Ends with 0, with findings or without (see --exit-code), and with 2 when a
    file can't be read.
    """
    from anomaly.score import score_csv

    with progress_bar("score") as told:
        report = score_csv(
            files,
            time_column=time_column,
            commission_rows=commission,
            false_alarms_per_day=false_alarms_per_day,
            out=out,
            findings=findings,
            plot=plot,
            cohort=cohort,
            progress=told,
        )
    for note in report.notes:
        typer.echo(one_line(note), err=True)
    show_findings(report)
    devices = "1 device" if len(report.devices) == 1 else f"{len(report.devices)} devices"
    problems = len(report.problems)
    typer.echo(
        f"{report.rows} rows of {devices}: {problems} problem{'' if problems == 1 else 's'}"
        f" ({len(report.findings)} finding{'' if len(report.findings) == 1 else 's'})",
        err=True,
    )
    if exit_code and report.findings:
        raise typer.Exit(1)


def show_findings(report: ScoreReport) -> None:
    """A table on a terminal, a line a problem in a pipe."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from anomaly.score_write import problem_rows, told

    console = Console()
    if not console.is_terminal:
        for problem in report.problems:
            print(one_line(f"{problem.head.device}: {told(problem)}"))
        return
    if not report.findings:
        return
    names = ("kind", "device", "metrics", "since", "until", "severity", "what")
    shown = range(7) if console.width >= 130 else (0, 1, 3, 6)  # the sentence tells the rest
    table = Table(show_lines=True)
    for at in shown:
        table.add_column(names[at], no_wrap=names[at] in {"kind", "since"}, overflow="fold")
    for row in problem_rows(report.problems, dated=report.dated):
        table.add_row(*(escape(row[at]) for at in shown))
    console.print(table)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[float, str], None]]:
    """A bar on standard error, where that is a terminal; told the share done and a word."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn(what),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[doing]}", markup=False),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task(what, total=1.0, doing="")
        yield lambda share, doing: progress.update(task, completed=share, doing=doing)


life = typer.Typer(no_args_is_help=True, help="Remaining life, learned from units run to failure.")


@life.command("fit")
def fit_life(
    train: Annotated[
        Path, typer.Argument(metavar="TRAIN.csv", help="Each unit's last row is its failure.")
    ],
    unit: Annotated[str, typer.Option("--unit", help="Column that names the unit.")],
    time_column: Annotated[str, typer.Option("--time", help="Column of the time or cycle.")],
    out: Annotated[Path, typer.Option("--out", help="The model is written here, as skops.")],
    settings: Annotated[
        str, typer.Option("--settings", help="Columns of operating settings, separated by commas.")
    ] = "",
) -> None:
    """Learn remaining life from units run to failure."""
    from anomaly.fleet.life import fit

    columns = [name.strip() for name in settings.split(",") if name.strip()]
    with progress_bar("life fit") as told:
        fit(train, unit=unit, time=time_column, settings=columns, out=out, progress=told)
    typer.echo(f"wrote {out}", err=True)


@life.command("predict")
def predict_life(
    test: Annotated[Path, typer.Argument(metavar="TEST.csv")],
    model: Annotated[Path, typer.Option("--model", help="As written by `life fit`.")],
    out: Annotated[Path, typer.Option("--out", help="unit,remaining,low,high is written here.")],
) -> None:
    """Tell each unit's remaining life as of its last row, with an 80 % interval."""
    from anomaly.fleet.life import predict

    with progress_bar("life predict") as told:
        rows = predict(test, model=model, out=out, progress=told)
    typer.echo(f"wrote {len(rows)} units to {out}", err=True)
