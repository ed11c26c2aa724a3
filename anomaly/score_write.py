"""What `forewarn score` writes: scores as CSV, findings as JSON, and a table for the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly.errors import ScoreError
from anomaly.finding import Finding
from anomaly.problems import Problem, others_in_words

_SHOWN = [f"{step / 10_000:.4f}" for step in range(10_001)]


class ScoreFile:
    """scores.csv, row by row: first the device as a whole, then each metric that has a value."""

    def __init__(self, path: Path) -> None:
        try:
            self._stream = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise ScoreError(f"{path}: {error.strerror or error}") from error
        self._stream.write("time,device,metric,score,alarm\n")

    def close(self) -> None:
        self._stream.close()

    def write(
        self,
        device: str,
        metrics: list[str],
        labels: list[str],
        values: npt.NDArray[np.float64],
        scores: npt.NDArray[np.float32],
        alarms: npt.NDArray[np.uint8],
        device_scores: npt.NDArray[np.float32],
        device_alarms: npt.NDArray[np.bool_],
    ) -> None:
        """`values`, `scores`, `alarms`: (rows, metrics); NaN values have no line of their own."""
        if not labels:
            return
        times = [_quoted(label) for label in labels] if _odd(labels) else labels
        name = _quoted(device)
        blocks = [_lines(times, f",{name},,", device_scores, device_alarms)]
        present = np.isfinite(values)
        for index, metric in enumerate(metrics):
            here = present[:, index]
            lines = _lines(times, f",{name},{_quoted(metric)},", scores[:, index], alarms[:, index])
            if not here.all():
                lines = [line if shown else "" for line, shown in zip(lines, here, strict=True)]
            blocks.append(lines)
        self._stream.write("".join("".join(row) for row in zip(*blocks, strict=True)))


def _lines(
    times: list[str], middle: str, scores: npt.NDArray[np.float32], alarms: npt.NDArray[Any]
) -> list[str]:
    steps = np.nan_to_num(np.clip(scores, 0.0, 1.0) * 10_000).round().astype(np.int32).tolist()
    ends = [f",{0}\n", f",{1}\n"]
    flags = (alarms == 1).tolist()
    return [
        f"{time}{middle}{_SHOWN[step]}{ends[flag]}"
        for time, step, flag in zip(times, steps, flags, strict=True)
    ]


def _odd(labels: list[str]) -> bool:
    together = "".join(labels)
    return any(mark in together for mark in ',"\n\r')


def _quoted(text: str) -> str:
    if not any(mark in text for mark in ',"\n\r'):
        return text
    return '"' + text.replace('"', '""') + '"'


def shown_time(time_s: float | None, *, dated: bool) -> str | float | None:
    """ISO 8601 in UTC for dates, the plain number for row numbers, None for not yet."""
    if time_s is None:
        return None
    if not dated:
        return time_s
    try:
        return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return time_s


def finding_record(finding: Finding, *, dated: bool) -> dict[str, Any]:
    """One object of findings.json."""
    return {
        "kind": finding.kind,
        "device": finding.device,
        "metrics": list(finding.metrics),
        "onset": shown_time(finding.onset_s, dated=dated),
        "detected": shown_time(finding.detected_s, dated=dated),
        "ended": shown_time(finding.ended_s, dated=dated),
        "confidence": finding.confidence,
        "severity": finding.severity,
        "evidence": finding.evidence,
        "sentence": finding.sentence,
        "forecast": finding.forecast,
    }


def check_targets(*paths: str | Path | None) -> None:
    """Raises ScoreError where a file to be written at the end could not be, before anything is read."""
    for target in (Path(path) for path in paths if path is not None):
        if target.is_dir() or not target.absolute().parent.is_dir():
            raise ScoreError(f"{target}: there is no folder to write this file to")


def write_findings(path: Path, findings: Iterable[Finding], *, dated: bool) -> None:
    """findings.json; raises ScoreError when it cannot be written."""
    records = [finding_record(finding, dated=dated) for finding in findings]
    try:
        path.write_text(json.dumps(records, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ScoreError(f"{path}: {error.strerror or error}") from error


def told(problem: Problem) -> str:
    """A problem in words: its sentence, where it leads, and what else was found of it."""
    others = others_in_words(problem)
    parts = (problem.head.sentence, problem.forecast or "", f"({others})" if others else "")
    return " ".join(part for part in parts if part)


def problem_rows(problems: Iterable[Problem], *, dated: bool) -> list[tuple[str, ...]]:
    """Cells for a table on the terminal: kind, device, metrics, since, until, severity, what."""
    return [
        (
            problem.head.kind.replace("_", " "),
            problem.head.device,
            ", ".join(problem.metrics),
            str(shown_time(problem.onset_s, dated=dated)),
            str(shown_time(problem.ended_s, dated=dated) or "still open"),
            f"{problem.severity:.2f}",
            told(problem),
        )
        for problem in problems
    ]
