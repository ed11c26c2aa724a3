"""`forewarn tune`: how cautious the detectors are with each model of device, and why."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import DataDir
from server.cli.scoring import progress_bar

if TYPE_CHECKING:
    from rich.table import Table
    from sqlalchemy.orm import Session

    from server.detection.model import CohortTuning
    from server.detection.replaying import Answer, Progress
    from server.kit.settings import Settings

tune = typer.Typer(
    no_args_is_help=True,
    help="How cautious the detectors are with each model of device, and what verdicts taught them.",
)

Cohort = Annotated[str, typer.Argument(metavar="MODEL", help='As `tune list` shows it; "-": none.')]
Caution = Annotated[
    float, typer.Option("--caution", help="0.5 (strict) to 2 (quiet); 1 is as the settings say.")
]


@tune.command("list")
def show_all(data_dir: DataDir = None) -> None:
    """Every model: the caution that holds, its version, where it comes from, on which labels."""
    from rich import box
    from rich.table import Table

    from server.cli.state import opened_records
    from server.detection import repository, tuning
    from server.kit.settings import load

    table = Table("model", "caution", "version", "from", "labels", box=box.SIMPLE)
    with opened_records(load(data_dir=data_dir)) as records, records.reading() as session:
        newest = {row.cohort: row for row in repository.newest_tunings(session)}
        for cohort in tuning.cohorts(session):
            table.add_row(cohort, *_cells(newest.get(cohort)))
    _print(table, "no devices yet: forewarn device add DEVICE_ID --model M")


@tune.command("show")
def show(cohort: Cohort, data_dir: DataDir = None) -> None:
    """A model's versions and the labels that count now, newest first."""
    from rich import box
    from rich.table import Table

    from server.cli.state import opened_records
    from server.detection import repository
    from server.kit.settings import load

    versions = Table("version", "caution", "from", "labels", "made (UTC)", "by", box=box.SIMPLE)
    labels = Table("source", "device", "label", "kind", "part", "at (UTC)", box=box.SIMPLE)
    with opened_records(load(data_dir=data_dir)) as records, records.reading() as session:
        for row in repository.tunings(session, cohort):
            caution, version, origin, counts = _cells(row)
            versions.add_row(
                version, caution, origin, counts, f"{row.made_at:%Y-%m-%d %H:%M}", row.made_by
            )
        for label in repository.current_labels(session, cohort):
            at = f"{label.at:%Y-%m-%d %H:%M}"
            labels.add_row(
                label.source, label.device_id, label.label, label.kind, label.component, at
            )
    _print(versions, f"{cohort}: never tuned, caution 1")
    _print(labels, f"{cohort}: no labels yet; they come with verdicts and owners' thumbs")


@tune.command("set")
def set_caution(cohort: Cohort, caution: Caution, data_dir: DataDir = None) -> None:
    """Set it by hand; it holds until `tune auto`. Running detectors take it up within seconds."""
    from server.detection import tuning
    from server.kit.clock import SystemClock

    _change(
        data_dir,
        lambda session: tuning.set_by_hand(
            session, cohort, caution, by="command line", now=SystemClock().now()
        ),
    )


@tune.command("revert")
def revert(
    cohort: Cohort,
    to: Annotated[int, typer.Option("--to", min=0, help="A version; 0: as before any.")],
    data_dir: DataDir = None,
) -> None:
    """What held in an earlier version holds again, as a new version, until `tune auto`."""
    from server.detection import tuning
    from server.kit.clock import SystemClock

    _change(
        data_dir,
        lambda session: tuning.revert(
            session, cohort, to, by="command line", now=SystemClock().now()
        ),
    )


@tune.command("auto")
def follow(cohort: Cohort, data_dir: DataDir = None) -> None:
    """Let the labels decide again."""
    from server.detection import tuning
    from server.kit.clock import SystemClock

    _change(
        data_dir,
        lambda session: tuning.follow_labels(
            session, cohort, by="command line", now=SystemClock().now()
        ),
    )


@tune.command("forget")
def forget(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="As `tune show` has it: job:12.")],
    data_dir: DataDir = None,
) -> None:
    """Take a label back: a verdict that turned out wrong. It stays on record and no longer counts."""
    from server.cli.state import opened_records
    from server.detection import tuning
    from server.kit.clock import SystemClock
    from server.kit.settings import load

    with opened_records(load(data_dir=data_dir)) as records, records.transaction() as session:
        device = tuning.take_back(session, source, now=SystemClock().now())
    typer.echo(f"{source} on {device} no longer counts", err=True)


@tune.command("replay")
def replay_month(
    cohort: Cohort,
    caution: Caution,
    days: Annotated[float, typer.Option("--days", help="How far back.")] = 30.0,
    data_dir: DataDir = None,
) -> None:
    """The last days under the caution that holds and under another, side by side. Changes nothing.

    Works while the server runs, too. At most 20 devices of the model, those with labels first.
    """
    from rich import box
    from rich.table import Table

    from server.app.control import NotRunning, ask
    from server.detection.replaying import Answer
    from server.kit.settings import load

    settings = load(data_dir=data_dir)
    request = {"do": "replay", "cohort": cohort, "caution": caution, "days": days}
    with progress_bar("tune replay") as told:
        try:
            said = ask(settings.data_dir, request, lambda progress: told(*progress))
            answers = [Answer(**fields) for fields in said]
        except NotRunning:
            answers = _still_replayed(settings, cohort, caution, days, told)
    table = Table("", *(f"caution {answer.caution:g}" for answer in answers), box=box.SIMPLE)
    columns = [_rows(answer) for answer in answers]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    _print(table, "nothing to show")


def _still_replayed(
    settings: Settings, cohort: str, caution: float, days: float, told: Progress
) -> list[Answer]:
    """No server runs: the files are free to be read."""
    from server.cli.state import opened_records, opened_telemetry
    from server.detection import replaying
    from server.detection.detector import engine_settings
    from server.kit.clock import SystemClock

    with opened_records(settings) as records, opened_telemetry(settings) as store:
        with records.reading() as session:
            wish = replaying.asked(session, cohort, caution, days, now=SystemClock().now())
        return replaying.replay(store, wish.question, wish.about, engine_settings(settings), told)


def _rows(answer: Answer) -> dict[str, str]:
    return {
        "findings": str(answer.findings),
        "of these": ", ".join(f"{n} {kind}" for kind, n in answer.by_kind.items()) or "-",
        "devices with a finding": f"{answer.devices_with_findings} of {answer.devices}",
        "confirmed faults announced": f"{answer.confirmed_found} of {answer.confirmed}",
        "missed faults announced": f"{answer.missed_found} of {answer.missed}",
        "visits for nothing repeated": f"{answer.no_fault_repeated} of {answer.no_fault}",
    }


def _change(data_dir: Path | None, change: Callable[[Session], CohortTuning | None]) -> None:
    from server.cli.state import opened_records
    from server.kit.settings import load

    with opened_records(load(data_dir=data_dir)) as records, records.transaction() as session:
        made = change(session)
        caution, version, origin, _ = _cells(made)
    typer.echo(f"caution {caution} from {origin}, version {version}", err=True)


def _print(table: Table, when_empty: str) -> None:
    from rich.console import Console

    if table.row_count == 0:
        typer.echo(when_empty, err=True)
        return
    Console(width=None if Console().is_terminal else 1000).print(table)


def _cells(row: CohortTuning | None) -> tuple[str, str, str, str]:
    if row is None:
        return "1", "-", "settings", ""
    origin = row.origin if row.reverted_to is None else f"revert to {row.reverted_to}"
    counts = ", ".join(f"{number} {name}" for name, number in row.counts.items())
    return f"{row.caution:g}", str(row.version), origin, counts
