"""What a row of a unit's history tells: smoothed readings, their trend, and how far the unit has
moved from its own first rows. Causal: a row's features depend on nothing after it.

Where operating settings are given, each reading is first taken relative to what is usual in that
operating regime, so that a change of regime does not look like wear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anomaly.fleet.life_table import UnitTable

Floats = npt.NDArray[np.float64]
FIRST_ROWS = 10
WINDOWS = (5, 20)
TREND_ROWS = 30
_REGIMES = 6


@dataclass(frozen=True, slots=True)
class Scaling:
    """Per regime and reading the mean and spread seen in training; one regime without settings."""

    readings: list[str]
    settings: list[str]
    centres: Floats  # (regimes, settings), in scaled units
    setting_scale: Floats  # (settings,)
    mean: Floats  # (regimes, readings)
    spread: Floats  # (regimes, readings)

    def apply(self, table: UnitTable) -> Floats:
        """Readings in multiples of their spread, shape (rows, readings)."""
        places = [table.names.index(name) for name in self.readings]
        regime = _nearest(_settings_of(table, self.settings) / self.setting_scale, self.centres)
        return np.asarray((table.values[:, places] - self.mean[regime]) / self.spread[regime])


def _settings_of(table: UnitTable, names: list[str]) -> Floats:
    return table.values[:, [table.names.index(name) for name in names]]


def _nearest(points: Floats, centres: Floats) -> npt.NDArray[np.intp]:
    if centres.shape[1] == 0:
        return np.zeros(len(points), np.intp)
    away = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(away.argmin(axis=1))


def learn_scaling(table: UnitTable, settings: list[str], seed: int) -> Scaling:
    """Find the regimes and each reading's usual value in them; constant readings are left out."""
    from sklearn.cluster import KMeans  # noqa: PLC0415 - heavy, and only for training

    points = _settings_of(table, settings)
    scale = np.where(points.std(axis=0) > 0, points.std(axis=0), 1.0) if settings else np.ones(0)
    centres = np.zeros((1, len(settings)))
    if settings:
        distinct = len(np.unique(np.round(points / scale, 1), axis=0))
        count = min(_REGIMES, distinct)
        centres = KMeans(count, n_init=5, random_state=seed).fit(points / scale).cluster_centers_
    regime = _nearest(points / scale, centres)
    candidates = [name for name in table.names if name not in settings]
    values = table.values[:, [table.names.index(name) for name in candidates]]
    mean = np.zeros((len(centres), len(candidates)))
    spread = np.ones_like(mean)
    for index in range(len(centres)):
        here = values[regime == index]
        mean[index] = np.nanmean(here, axis=0)
        spread[index] = np.nanstd(here, axis=0)
    moves = spread > 1e-9 * (np.abs(mean) + 1e-9)
    spread = np.where(moves, spread, 1.0)
    moving = np.flatnonzero(moves.any(axis=0))
    readings = [candidates[index] for index in moving]
    return Scaling(readings, list(settings), centres, scale, mean[:, moving], spread[:, moving])


def unit_features(values: Floats, ages: Floats) -> Floats:
    """Features of one unit's rows in order of time; `values` (rows, readings), `ages` (rows,)."""
    filled = _fill_forward(values)
    rows = len(filled)
    total = np.vstack([np.zeros(filled.shape[1]), np.cumsum(filled, axis=0)])
    squares = np.vstack([np.zeros(filled.shape[1]), np.cumsum(filled**2, axis=0)])
    at = np.arange(rows)
    first = np.minimum(at + 1, FIRST_ROWS)
    own_start = total[first] / first[:, None]
    parts = [ages[:, None]]
    means = []
    for window in WINDOWS:
        start = np.maximum(at + 1 - window, 0)
        size = (at + 1 - start)[:, None]
        mean = (total[at + 1] - total[start]) / size
        means.append(mean)
        parts.extend((mean, mean - own_start))
    start = np.maximum(at + 1 - WINDOWS[-1], 0)
    size = (at + 1 - start)[:, None]
    power = (squares[at + 1] - squares[start]) / size - means[-1] ** 2
    parts.append(np.sqrt(np.maximum(power, 0.0)))
    parts.append(_slopes(filled, TREND_ROWS))
    return np.hstack(parts)


def _slopes(values: Floats, window: int) -> Floats:
    """Least-squares slope per row over the last `window` rows."""
    rows = len(values)
    at = np.arange(rows, dtype=np.float64)[:, None]
    total = np.vstack([np.zeros(values.shape[1]), np.cumsum(values, axis=0)])
    moment = np.vstack([np.zeros(values.shape[1]), np.cumsum(values * at, axis=0)])
    end = np.arange(1, rows + 1)
    start = np.maximum(end - window, 0)
    n = (end - start)[:, None].astype(np.float64)
    middle = ((start + end - 1) / 2.0)[:, None]
    spread = n * (n**2 - 1) / 12.0
    cov = (moment[end] - moment[start]) - middle * (total[end] - total[start])
    return np.where(n > 3, cov / np.maximum(spread, 1e-12), 0.0)


def _fill_forward(values: Floats) -> Floats:
    known = np.isfinite(values)
    if known.all():
        return values
    rows = np.where(known, np.arange(len(values))[:, None], 0)
    filled = np.take_along_axis(values, np.maximum.accumulate(rows, axis=0), axis=0)
    return np.where(np.isfinite(filled), filled, 0.0)
