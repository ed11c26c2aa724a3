"""One picture of a scoring run: each metric over time, its usual band, its findings shaded."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly.errors import ScoreError
from anomaly.finding import Baseline, Finding
from anomaly.problems import Problem, problems_of

Floats = npt.NDArray[np.float64]
Usual = Callable[[tuple[str, str], float], Baseline | None]
"""The baseline of (device, metric) at a time; None while it is still being learned."""
MAX_PANELS = 12
_POINTS = 1500
_PAUSE = 20.0
_MOST_PAUSES = 200
_FARTHEST = 1e38  # of what single precision holds
_READ, _USUAL, _FOUND, _AHEAD = "#3b6ea5", "#2e7d32", "#c0392b", "#8e5aa8"


class Tracks:
    """What was read, kept for the picture in single precision."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], list[tuple[Floats, npt.NDArray[np.float32]]]] = {}

    @classmethod
    def for_picture(cls, path: str | Path | None) -> Tracks | None:
        """None where there is to be no picture; raises ScoreError where there can't be one by that name."""
        if path is None:
            return None
        check_kind(Path(path))
        return cls()

    def add(self, device: str, metrics: list[str], times_s: Floats, values: Floats) -> None:
        for index, metric in enumerate(metrics):
            column = values[:, index]
            here = np.isfinite(column)
            if here.any():
                drawn = np.clip(column[here], -_FARTHEST, _FARTHEST).astype(np.float32)
                part = (times_s[here], drawn)
                self._parts.setdefault((device, metric), []).append(part)

    def names(self) -> list[tuple[str, str]]:
        return list(self._parts)

    def envelope(self, name: tuple[str, str]) -> tuple[Floats, Floats, Floats]:
        """Times, lowest and highest value in about 1,500 buckets; NaN where a long pause begins."""
        times = np.concatenate([part[0] for part in self._parts[name]])
        values = np.concatenate([part[1] for part in self._parts[name]]).astype(np.float64)
        size = max(1, len(times) // _POINTS)
        resumed = _after_pauses(times)
        starts = np.union1d(np.arange(0, len(times), size), resumed)
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        at = np.searchsorted(starts, resumed)
        return (
            np.insert(times[starts], at, times[resumed - 1]),
            np.insert(low, at, np.nan),
            np.insert(high, at, np.nan),
        )


def _after_pauses(times: Floats) -> npt.NDArray[np.intp]:
    """Places of the readings before which there were none for very long: no line leads over that."""
    steps = np.diff(times)
    if not len(steps):
        return np.empty(0, np.intp)
    pauses = np.flatnonzero(steps > _PAUSE * np.median(steps))
    if len(pauses) > _MOST_PAUSES:
        pauses = np.sort(pauses[np.argsort(-steps[pauses], kind="stable")[:_MOST_PAUSES]])
    return pauses + 1


def left_out(path: Path, tracks: Tracks) -> list[str]:
    """A note where there are more metrics than a picture has room for."""
    count = len(tracks.names())
    if count <= MAX_PANELS:
        return []
    return [f"{path.name}: {MAX_PANELS} of {count} metrics are drawn, those with findings first"]


def check_kind(path: Path) -> None:
    """Raises ScoreError for a picture that is neither PNG nor SVG by its name."""
    if path.suffix.lower() not in {".png", ".svg"}:
        raise ScoreError(f"{path.name}: a plot is .png or .svg")


def draw(path: Path, tracks: Tracks, findings: list[Finding], *, dated: bool, usual: Usual) -> None:
    """Write PNG or SVG by the name's ending; raises ScoreError when it cannot."""
    check_kind(path)
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - large, and only for plots
    except ImportError as error:
        raise ScoreError("plots need matplotlib: pip install 'forewarn[server]'") from error
    problems = problems_of(findings)
    touched = {(finding.device, metric) for finding in findings for metric in finding.metrics}
    names = sorted(tracks.names(), key=lambda name: name not in touched)[:MAX_PANELS]
    figure = Figure(figsize=(11, 1.2 + 1.6 * max(len(names), 1)), layout="constrained")
    panels = figure.subplots(max(len(names), 1), 1, squeeze=False, sharex=True)[:, 0]
    ahead = False
    for panel, name in zip(panels, names, strict=False):
        track = tracks.envelope(name)
        _draw_usual(panel, track[0], partial(usual, name), dated=dated)
        ahead |= _draw_one(panel, track, name, problems, dated=dated)
    panels[-1].set_xlabel("time (UTC)" if dated else "seconds or rows", fontsize=8)
    _explain(figure, found=bool(findings), ahead=ahead)
    try:
        with warnings.catch_warnings():
            # A metric may be named in a script that the font lacks: boxes in its title.
            warnings.filterwarnings("ignore", message="Glyph ")
            figure.savefig(path, dpi=110)
    except OSError as error:
        raise ScoreError(f"{path}: {error.strerror or error}") from error


def _draw_usual(
    panel: Any, times: Floats, usual: Callable[[float], Baseline | None], *, dated: bool
) -> None:
    """The band that the metric is judged against, and what it reads at each time of day."""
    known = [(time_s, band) for time_s in times.tolist() if (band := usual(time_s)) is not None]
    if not known:
        return
    axis = [_place(time_s, dated=dated) for time_s, _ in known]
    low, high = [band.low for _, band in known], [band.high for _, band in known]
    panel.fill_between(axis, low, high, color=_USUAL, alpha=0.12, linewidth=0, gid="usual-band")
    expected = [band.expected for _, band in known]
    panel.plot(axis, expected, color=_USUAL, linewidth=0.8, linestyle=":", gid="usual-value")


def _explain(figure: Any, *, found: bool, ahead: bool) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 - large, and only for plots

    handles = [
        Patch(color=_READ, alpha=0.6, label="readings"),
        Patch(color=_USUAL, alpha=0.25, label="usual (as learned)"),
    ]
    if found:
        handles.append(
            Patch(color=_FOUND, alpha=0.25, label="problem; dashed: when it was noticed")
        )
    if ahead:
        words = "where it leads; bar: 80 % interval at the limit"
        handles.append(Patch(color=_AHEAD, alpha=0.5, label=words))
    figure.legend(handles=handles, loc="outside lower right", ncols=4, fontsize=8, frameon=False)


def _draw_one(
    panel: Any,
    track: tuple[Floats, Floats, Floats],
    name: tuple[str, str],
    problems: list[Problem],
    *,
    dated: bool,
) -> bool:
    """One metric; returns whether a forecast is in the picture."""
    times, low, high = track
    axis = [_place(time_s, dated=dated) for time_s in times.tolist()]
    panel.fill_between(axis, low, high, color=_READ, alpha=0.35, linewidth=0)
    panel.plot(axis, (low + high) / 2, color="#1f4e79", linewidth=0.8)
    own = []
    for problem in problems:
        if problem.head.device != name[0]:
            continue
        here = [f for f in problem.findings if not f.metrics or name[1] in f.metrics]
        own += here
        if here:
            _draw_problem(panel, here, problem.head, float(times[-1]), dated=dated)
    value = float(low[-1] + high[-1]) / 2
    ahead = _draw_outlook(panel, float(times[-1]), value, own, dated=dated)
    panel.set_title(f"{name[0]}: {name[1]}".replace("$", r"\$"), fontsize=9, loc="left")
    panel.tick_params(labelsize=8)
    return ahead


def _draw_problem(
    panel: Any, findings: list[Finding], head: Finding, end_s: float, *, dated: bool
) -> None:
    """When it was so, each time once however many findings say it; and when it was first noticed."""
    spans = sorted((f.onset_s, end_s if f.ended_s is None else f.ended_s) for f in findings)
    merged = [spans[0]]
    for since_s, until_s in spans[1:]:
        if since_s <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], until_s)
        else:
            merged.append((since_s, until_s))
    for since_s, until_s in merged:
        start, end = _place(since_s, dated=dated), _place(max(until_s, since_s), dated=dated)
        panel.axvspan(start, end, color=_FOUND, alpha=0.18)
    noticed = _place(min(f.detected_s for f in findings), dated=dated)
    panel.axvline(noticed, color=_FOUND, linewidth=1, linestyle="--")
    kind = (head if head in findings else findings[0]).kind.replace("_", " ")
    panel.annotate(
        kind, (noticed, 1.0), (3, -9), xycoords=("data", "axes fraction"), textcoords="offset points",
        color=_FOUND, fontsize=7, annotation_clip=True,
    )  # fmt: skip


def _draw_outlook(
    panel: Any, now_s: float, value: float, findings: list[Finding], *, dated: bool
) -> bool:
    """The way to the limit that is reached first, and the 80 % interval of when."""
    ahead = [f.evidence for f in findings if isinstance(f.evidence.get("limit_reached_s"), float)]
    if not ahead:
        return False
    first = min(ahead, key=lambda numbers: float(numbers["limit_reached_s"]))
    limit, at_s = float(first["limit"]), float(first["limit_reached_s"])
    now, at = _place(now_s, dated=dated), _place(at_s, dated=dated)
    panel.plot([now, at], [value, limit], color=_AHEAD, linewidth=1, linestyle="-.", gid="outlook")
    earliest = _place(float(first["limit_reached_earliest_s"]), dated=dated)
    latest = _place(float(first.get("limit_reached_latest_s", at_s)), dated=dated)
    panel.plot([earliest, latest], [limit, limit], color=_AHEAD, linewidth=4, alpha=0.5)
    return True


def _place(time_s: float, *, dated: bool) -> datetime | float:
    if not dated:
        return time_s
    try:
        return datetime.fromtimestamp(time_s, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)
