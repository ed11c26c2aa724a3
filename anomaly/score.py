"""The detector on anyone's CSV: files in, one score per row and the findings out.

Every column but the time is a metric and every file a device; or every line is one reading, with columns
that name its metric and maybe its device. The scoring is causal: rows come out
as they are read, from what came before them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anomaly.csv_long import tables_of
from anomaly.csv_table import Chunk, CsvTable
from anomaly.engine import Engine
from anomaly.errors import ScoreError
from anomaly.finding import Finding
from anomaly.outlook import GROWING, Course, with_outlook
from anomaly.problems import Problem, numbered, problems_of
from anomaly.score_gaps import Gaps
from anomaly.score_hours import HourlyMeans
from anomaly.score_peers import Cohort
from anomaly.score_plot import Tracks, Usual, draw, left_out
from anomaly.score_rows import MissingMetrics, Whole
from anomaly.score_samples import register, score_part, split
from anomaly.score_words import STEPS, grown, undated
from anomaly.score_write import ScoreFile, check_targets, write_findings
from anomaly.settings import EngineSettings

Progress = Callable[[float, str], None]


@dataclass(slots=True)
class ScoreReport:
    """What a scoring run came to; findings are the last word on each, oldest onset first."""

    findings: list[Finding]
    rows: int
    devices: list[str]
    notes: list[str] = field(default_factory=list)
    dated: bool = True
    """Whether times are dates; otherwise they are row numbers or plain seconds."""

    @property
    def problems(self) -> list[Problem]:
        """The findings by the problem they tell of, oldest onset first."""
        return problems_of(self.findings)


@dataclass(slots=True)
class _Run:
    engine: Engine
    commission_rows: int
    sink: ScoreFile | None
    tracks: Tracks | None
    cohort: Cohort | None
    hours: HourlyMeans = field(default_factory=HourlyMeans)
    gaps: Gaps = field(default_factory=Gaps)
    courses: dict[tuple[str, str], Course] = field(default_factory=dict)
    found: dict[str, Finding] = field(default_factory=dict)
    devices: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    dated: bool = True
    numbered: bool = False


def score_csv(
    paths: Sequence[str | Path],
    *,
    time_column: str | None = None,
    commission_rows: int | None = None,
    false_alarms_per_day: float | None = None,
    out: str | Path | None = None,
    findings: str | Path | None = None,
    plot: str | Path | None = None,
    cohort: bool = True,
    progress: Progress | None = None,
) -> ScoreReport:
    """Score files; writes `out` (CSV), `findings` (JSON), `plot` (PNG or SVG) where given.

    `commission_rows` first rows of each file are known healthy; None lets the engine find out.
    `cohort`: several devices are of one kind, and who is unlike the others for days is a finding.
    `progress` is called with the share done, 0..1, and the file's name. Raises ScoreError for a
    file that cannot be read and SettingsError for a budget outside its range.
    """
    if not paths:
        raise ScoreError("no file to score")
    if commission_rows is not None and commission_rows < 1:
        raise ScoreError(f"commission_rows must be 1 or more, got {commission_rows}")
    check_targets(findings, plot)
    settings = EngineSettings()
    if false_alarms_per_day is not None:
        settings = EngineSettings(false_alarms_per_device_day=false_alarms_per_day)
    devices = _device_names([Path(path) for path in paths])
    sink = ScoreFile(Path(out)) if out is not None else None
    tracks = Tracks.for_picture(plot)
    run = _Run(Engine(settings), commission_rows or 0, sink, tracks, Cohort() if cohort else None)
    tell = progress or _say_nothing
    try:
        for index, (path, device) in enumerate(zip(paths, devices, strict=True)):
            reading = partial(_tell_reading, tell, index, len(paths), device)
            for name, table in tables_of(Path(path), device, time_column, reading):
                own = name if name == device or name not in run.devices else f"{device}/{name}"
                run.devices.append(own)
                with table:
                    for share in _score_file(run, table, own):
                        tell((index + share) / len(paths), own)
        tell(1.0, "done")
    finally:
        if sink is not None:
            sink.close()
    report = _report(run)
    if findings is not None:
        write_findings(Path(findings), report.findings, dated=report.dated)
    if plot is not None and tracks is not None:
        run.notes += left_out(Path(plot), tracks)
        draw(Path(plot), tracks, report.findings, dated=report.dated, usual=_usual(run.engine))
    return report


def _tell_reading(tell: Progress, index: int, files: int, name: str, share: float) -> None:
    tell((index + share) / files, name)


def _usual(engine: Engine) -> Usual:
    """What each metric is judged against, as of the end of the run."""
    return lambda name, time_s: engine.baseline(engine.series(*name), time_s)


def _say_nothing(_share: float, _text: str) -> None:
    pass


def _report(run: _Run) -> ScoreReport:
    if run.cohort is not None:
        run.found |= {finding.id: finding for finding in run.cohort.findings()}
    for found in (run.hours.findings(), run.gaps.findings() if run.dated else []):
        run.found |= {finding.id: finding for finding in found}
    final = [_last_word(run, finding) for finding in run.found.values()]
    ordered = sorted(final, key=lambda found: (found.onset_s, found.id))
    number = numbered(ordered)
    told = [replace(f, evidence=f.evidence | {"problem": number[f.id]}) for f in ordered]
    return ScoreReport(told, run.rows, run.devices, run.notes, run.dated)


def _last_word(run: _Run, finding: Finding) -> Finding:
    finding = _foreseen(run, finding)
    if not run.dated:
        return undated(finding, numbered=run.numbered)
    if finding.kind in STEPS and finding.ended_s is None:
        return grown(finding, *run.hours.course(finding.device, finding.metrics[0]))
    return finding


def _device_names(paths: list[Path]) -> list[str]:
    names: list[str] = []
    for path in paths:
        stem = path.name.removesuffix(".gz")
        stem = stem.rsplit(".", 1)[0] or stem
        name, number = stem, 2
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names


def _score_file(run: _Run, table: CsvTable, device: str) -> Iterator[float]:
    """Score one file chunk by chunk, yielding the share of it that is done."""
    if not table.metrics:
        raise ScoreError(f"{table.path.name}: no column besides the time")
    series = np.full(len(table.metrics), -1, np.int32)
    held = run.commission_rows > 0
    missing = MissingMetrics()
    whole = Whole(len(table.metrics))
    seen = 0
    newest = -np.inf
    late = 0
    for chunk in table.chunks:
        highest = np.maximum.accumulate(np.concatenate(([newest], chunk.times_s)))
        late += int((chunk.times_s <= highest[:-1]).sum())
        newest = float(highest[-1])
        register(run.engine, device, table.metrics, chunk, series, held=held)
        for part in split(chunk, run.commission_rows - seen if held else 0):
            if held and seen >= run.commission_rows:
                run.engine.release(device)
                held = False
            scores, alarms, rows, found = score_part(run.engine, part, series)
            for finding in found:
                run.found[finding.id] = finding
                missing.note(finding)
            device_scores, device_alarms = whole.take(
                part, scores, alarms, rows, missing, run.engine.vouched_until_s(device)
            )
            seen += len(part.times_s)
            if run.sink is not None:
                run.sink.write(
                    device, table.metrics, part.labels, part.values,
                    scores, alarms, device_scores, device_alarms,
                )  # fmt: skip
            _note_courses(run, device, table.metrics, series, part)
            run.hours.take(device, table.metrics, part)
            run.gaps.take(device, part)
            if run.cohort is not None:
                run.cohort.take(device, table.metrics, part)
            if run.tracks is not None:
                run.tracks.add(device, table.metrics, part.times_s, part.values)
        run.dated = run.dated and chunk.dated
        run.numbered = run.numbered or table.numbered
        yield table.share_read()
    run.rows += seen
    _note(run, table, seen, late, series)


def _note_courses(
    run: _Run, device: str, metrics: list[str], series: npt.NDArray[np.int32], part: Chunk
) -> None:
    """Of metrics that can be on their way to a limit."""
    for index, metric in enumerate(metrics):
        if series[index] < 0 or not np.isfinite(run.engine.limits(int(series[index]))).any():
            continue
        column = part.values[:, index]
        here = np.isfinite(column) & np.isfinite(part.times_s)
        run.courses.setdefault((device, metric), Course()).add(part.times_s[here], column[here])


def _foreseen(run: _Run, finding: Finding) -> Finding:
    """With what is to come, as of the last row, where it is still open."""
    if finding.kind not in GROWING or finding.ended_s is not None:
        return finding
    name = finding.device, finding.metrics[0]
    unit = str(finding.evidence.get("unit", ""))
    course = run.courses.get(name)
    if course is None:
        return finding
    limits = run.engine.limits(run.engine.series(*name))
    return with_outlook(finding, course, limits, unit, dated=run.dated)


def _note(run: _Run, table: CsvTable, seen: int, late: int, series: npt.NDArray[np.int32]) -> None:
    file = table.path.name
    if (series < 0).all():
        columns = ", ".join(table.metrics[:10])
        raise ScoreError(f"{file}: no column holds numbers ({columns})")
    if table.text_columns:
        run.notes.append(f"{file}: text left out: {', '.join(sorted(table.text_columns)[:20])}")
    if late:
        run.notes.append(f"{file}: {late} of {seen} rows are not newer than the row before")
    if table.odd_rows:
        run.notes.append(
            f"{file}: {table.odd_rows} rows have more cells than the header, or fewer: what is beyond is left out"
        )
    if table.missing_cells:
        run.notes.append(f"{file}: {table.missing_cells} cells hold no number")
