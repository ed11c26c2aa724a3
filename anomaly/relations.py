"""Out of step: a metric against what the device's other metrics suggest, by hourly means, day by day.

Each metric is predicted from the others of the same hour by ridge regression (Hoerl and Kennard 1970), learned
from the first fourteen days and again from the first twenty-eight, then frozen. A model is of
use only where days left out while learning are predicted well. A day is judged by the mean of its hours'
errors: beyond the range of the left-out days by the width of that range three days in a row, or by three
widths at once, the metric is out of step. Where the inputs leave what was learned from, nothing is said: a
device used otherwise is no fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly.day_runs import AT_ONCE, DAYS_IN_A_ROW
from anomaly.finding import Finding, finding_id
from anomaly.hours import DAY_HOURS, HOUR_S, LEARN_DAYS, WHOLE_DAY_HOURS, Hours
from anomaly.sentences import relation_sentence

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST_DAYS: Final = 10
LEAST_SKILL: Final = 0.6
"""Share of the variance of left-out days that the others must explain."""
BEYOND_LEARNED: Final = 0.1
"""By so much of its range an input may leave what was learned from."""
_SUSPECTS: Final = 5
_LEAST_WIDTH: Final = 1e-3
"""In spreads of the metric: readings that follow each other to the digit still have digits."""
_RIDGE: Final = 0.01
_TOLD_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class _Model:
    """How one metric follows the others; in units of the learned spread of each."""

    metric: int
    inputs: npt.NDArray[np.intp]
    weights: Floats
    centre: Floats
    scale: Floats
    low: Floats
    """Lowest hour learned from, of each input."""
    high: Floats
    day_low: float
    """Lowest and highest mean error of a day that was left out, in the metric's own unit."""
    day_high: float
    width: float


def out_of_step(device: str, hours: Hours, units: Mapping[str, str]) -> list[Finding]:
    """Findings of kind `relation`, oldest first: at most one open at a time, on the metric farthest off."""
    days = hours.table.reshape(-1, DAY_HOURS, len(hours.metrics))
    found: list[Finding] = []
    models: list[_Model] = []
    runs = np.zeros(len(hours.metrics), np.int64)
    since = np.zeros(len(hours.metrics), np.int64)
    opened: Finding | None = None
    learned = taught = 0
    for day, rows in enumerate(days):
        if learned < len(LEARN_DAYS) and day >= LEARN_DAYS[learned] and opened is None:
            models, learned, taught = _learn(days[:day]), learned + 1, day
        away, expected = _away(models, rows)
        sides = np.where(np.abs(away) >= 1.0, np.sign(away), 0.0).astype(np.int64)
        known = ~np.isnan(away)
        turned = known & ((sides == 0) | (runs * sides < 0))
        runs[turned] = 0
        begun = known & (sides != 0) & (runs == 0)
        since[begun] = day
        runs[known] += sides[known]
        sure = known & ((np.abs(runs) >= DAYS_IN_A_ROW) | (np.abs(away) >= AT_ONCE)) & (sides != 0)
        end_s = float((hours.first + (day + 1) * DAY_HOURS) * HOUR_S)
        if opened is not None:
            still = runs[hours.metrics.index(opened.metrics[0])] != 0
            if not still:
                found.append(replace(opened, ended_s=end_s - DAY_HOURS * HOUR_S))
                opened = None
        if opened is None and sure.any():
            top = _odd_one_out(days[:taught], rows, away, sure)
            onset_s = float((hours.first + since[top] * DAY_HOURS) * HOUR_S)
            opened = _finding(
                device, hours.metrics, units, top, models, rows, away, float(expected[top]), onset_s, end_s
            )  # fmt: skip
    return [*found, opened] if opened is not None else found


def _learn(days: Floats) -> list[_Model]:
    """One model for each metric that the others predict; `days` is (days, hours, metrics)."""
    known = np.isfinite(days)
    full = known.sum(axis=1) >= WHOLE_DAY_HOURS  # (days, metrics)
    usable = np.flatnonzero(full.mean(axis=0) >= 0.7)
    spread = np.array([_spread(days[:, :, m]) for m in range(days.shape[2])])
    usable = usable[spread[usable] > 0.0]
    models = []
    for metric in usable:
        inputs = usable[usable != metric]
        model = _fit(days, int(metric), inputs) if len(inputs) else None
        if model is not None:
            models.append(model)
    return models


def _odd_one_out(days: Floats, rows: Floats, away: Floats, sure: Bools) -> int:
    """Of the metrics farthest off the one without which the others agree best again.

    One that is wrong also misleads the predictions of all that lean on it.
    """
    widths = np.where(sure, np.abs(away), 0.0)
    suspects = [int(m) for m in np.argsort(-widths, kind="stable")[:_SUSPECTS] if widths[m] > 0.0]
    left = []
    for suspect in suspects:
        others, today = days.copy(), rows.copy()
        others[:, :, suspect] = np.nan
        today[:, suspect] = np.nan
        rest, _ = _away(_learn(others), today)
        left.append(float(np.nanmax(np.abs(rest), initial=0.0)))
    # Where the others say nothing of each other, all are left with nothing: then the farthest it is.
    return suspects[int(np.argmin(left))]


def _spread(values: Floats) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.std()) if len(kept) else 0.0


def _fit(days: Floats, metric: int, inputs: npt.NDArray[np.intp]) -> _Model | None:
    """Learn from all days, judge by each day predicted from the others; None where it can't be predicted."""
    columns = np.append(inputs, metric)
    rows = days[:, :, columns].reshape(-1, len(columns))
    of_day = np.repeat(np.arange(len(days)), DAY_HOURS)
    whole = np.isfinite(rows).all(axis=1)
    rows, of_day = rows[whole], of_day[whole]
    present, counts = np.unique(of_day, return_counts=True)
    present = present[counts >= WHOLE_DAY_HOURS]
    if len(present) < LEAST_DAYS:
        return None
    centre = np.median(rows, axis=0)
    scale = rows.std(axis=0)
    if (scale <= 0.0).any():
        return None
    scaled = (rows - centre) / scale
    x = np.column_stack([scaled[:, :-1], np.ones(len(scaled))])
    y = scaled[:, -1]
    parts = [of_day == day for day in present]
    grams = np.array([x[part].T @ x[part] for part in parts])
    sides = np.array([x[part].T @ y[part] for part in parts])
    gram, side = grams.sum(axis=0), sides.sum(axis=0)
    ridge = _RIDGE * len(rows) * np.eye(x.shape[1])
    errors, means = [], []
    for index, part in enumerate(parts):
        weights = np.linalg.solve(gram - grams[index] + ridge, side - sides[index])
        error = y[part] - x[part] @ weights
        errors.append(error)
        means.append(float(error.mean()))
    error = np.concatenate(errors)
    if 1.0 - float(error.var()) / max(float(y.var()), 1e-12) < LEAST_SKILL:
        return None
    low, high = min(means), max(means)
    width = max(high - low, 0.5 * float(error.std()), _LEAST_WIDTH)
    own = float(scale[-1])
    return _Model(
        metric, inputs, np.linalg.solve(gram + ridge, side), centre, scale,
        rows[:, :-1].min(axis=0), rows[:, :-1].max(axis=0), low * own, high * own, width * own,
    )  # fmt: skip


def _away(models: Sequence[_Model], rows: Floats) -> tuple[Floats, Floats]:
    """Of each metric on one day: widths beyond the left-out days' range, NaN where nothing is said; expected mean."""
    away = np.full(rows.shape[1], np.nan)
    expected = np.full(rows.shape[1], np.nan)
    for model in models:
        inputs, own = rows[:, model.inputs], rows[:, model.metric]
        room = BEYOND_LEARNED * (model.high - model.low)
        inside = (inputs >= model.low - room) & (inputs <= model.high + room)  # never where unknown
        fit = inside.all(axis=1) & np.isfinite(own)
        if fit.sum() < WHOLE_DAY_HOURS:
            continue
        inputs, own = inputs[fit], own[fit]
        scaled = (inputs - model.centre[:-1]) / model.scale[:-1]
        guess = (scaled @ model.weights[:-1] + model.weights[-1]) * model.scale[-1] + model.centre[
            -1
        ]
        error = float((own - guess).mean())
        beyond = max(error - model.day_high, 0.0) - max(model.day_low - error, 0.0)
        away[model.metric] = beyond / model.width
        expected[model.metric] = float(guess.mean())
    return away, expected


def _finding(
    device: str, metrics: tuple[str, ...], units: Mapping[str, str], top: int, models: Sequence[_Model],
    rows: Floats, away: Floats, expected: float, onset_s: float, at_s: float,
) -> Finding:  # fmt: skip
    widths = float(abs(away[top]))
    squares = np.where(np.isfinite(away), away, 0.0) ** 2
    shares = squares / squares.sum()
    order = [int(m) for m in np.argsort(-shares, kind="stable") if shares[m] >= 0.05][:5]
    named = tuple(metrics[m] for m in order if m == top or shares[m] >= _TOLD_SHARE)
    named = (metrics[top], *(name for name in named if name != metrics[top]))
    model = next(model for model in models if model.metric == top)
    leaders = model.inputs[np.argsort(-np.abs(model.weights[:-1]), kind="stable")][:2]
    others = [metrics[m] for m in leaders]
    unit = units.get(metrics[top], "")
    now = float(np.nanmean(rows[:, top]))
    evidence: dict[str, float | str] = {"unit": unit} if unit else {}
    return Finding(
        id=finding_id(device, "relation", (metrics[top],), onset_s),
        kind="relation",
        device=device,
        metrics=named,
        onset_s=onset_s,
        detected_s=at_s,
        ended_s=None,
        confidence=round(min(0.9, 0.55 + 0.1 * min(widths, 3.5)), 3),
        severity=round(min(0.9, 0.3 + 0.1 * widths), 3),
        evidence=evidence
        | {
            "now": now,
            "suggested_by_others": expected,
            "times_usual_error": round(widths, 2),
            "shares": ", ".join(f"{metrics[m]} {shares[m]:.0%}" for m in order),
            "compared_to": "what the other readings suggest",
        },
        sentence=relation_sentence(metrics[top], unit, now, expected, others, onset_s, at_s),
    )
