"""What a row of a unit's history tells: smoothed readings, their trend, and how far the unit has
moved from its own first rows. Causal: a row's features depend on nothing after it.

Where operating settings are given, each reading is first taken relative to what is usual in that
operating regime, so that a change of regime does not look like wear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anomaly.errors import LifeError
from anomaly.fleet.life_table import UnitTable

Floats = npt.NDArray[np.float64]

_REGIMES = 6
_LONGEST_ROWS = 100_000


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
    """Find the regimes and each reading's usual value in them; constant readings are left out.

    Raises LifeError for a setting that is not there, or not everywhere.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - heavy, and only for training

    absent = [name for name in settings if name not in table.names]
    if absent:
        raise LifeError(f"no column {absent[0]!r} for a setting, or nothing but gaps in it")
    points = _settings_of(table, settings)
    whole = np.atleast_1d(np.isfinite(points).all(axis=0))
    gaps = [name for name, here in zip(settings, whole, strict=True) if not here]
    if gaps:
        raise LifeError(f"column {gaps[0]!r} for a setting has rows without a number")
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
        known = np.isfinite(here).any(axis=0)
        mean[index, known] = np.nanmean(here[:, known], axis=0)
        spread[index, known] = np.nanstd(here[:, known], axis=0)
    moves = spread > 1e-9 * (np.abs(mean) + 1e-9)
    spread = np.where(moves, spread, 1.0)
    moving = np.flatnonzero(moves.any(axis=0))
    readings = [candidates[index] for index in moving]
    return Scaling(readings, list(settings), centres, scale, mean[:, moving], spread[:, moving])


@dataclass(frozen=True, slots=True)
class Windows:
    """How many rows each feature looks back on; all follow from how long units live."""

    first: int
    """The unit's own beginning, which it is compared with."""
    means: tuple[int, int]
    slopes: tuple[int, int, int]
    step: float = 0.0
    """Time from row to row, to which other sampling is brought; 0: rows are taken as they come."""

    @classmethod
    def for_histories(cls, times: list[Floats]) -> Windows:
        """From the times of all units' rows, each in order: their usual step and length."""
        steps = [float(np.median(np.diff(t))) for t in times if len(t) > 1]
        step = float(np.median(steps)) if steps else 0.0
        if not (np.isfinite(step) and step > 0.0):
            return cls.for_life(float(np.median([len(t) for t in times])))
        spans = [min((t[-1] - t[0]) / step, _LONGEST_ROWS) + 1 for t in times]
        return cls.for_life(float(np.median(spans)), step)

    @classmethod
    def for_life(cls, rows: float, step: float = 0.0) -> Windows:
        """For units that live so many rows. Chosen by grouped cross-validation on turbofans, where
        that is about 200: long slopes tell more than anything else, since wear is slow and noise is
        not.
        """

        def share(of_200: int, least: int) -> int:
            return max(least, round(of_200 * rows / 200.0))

        return cls(share(20, 2), (share(5, 1), share(20, 2)),
                   (share(30, 4), share(60, 6), share(100, 8)), step)  # fmt: skip


def unit_features(values: Floats, ages: Floats, windows: Windows) -> Floats:
    """Features of one unit's rows in order of time; `values` (rows, readings), `ages` (rows,).

    Rows that are missing, or come oftener than in training, are first brought to training's step:
    a slope over thirty steps is the same however they were sampled.
    """
    filled, places = _regular(_fill_forward(values), ages, windows)
    features = np.hstack([ages[:, None], _of_rows(filled, windows)[places]])
    return np.asarray(features)


def _regular(values: Floats, ages: Floats, windows: Windows) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Values at every step, and at which of them each row is.

    Rows within a step are averaged; a step without one lies on the line between its neighbours, a gap
    longer than the longest window on one of that length.
    """
    if windows.step <= 0.0 or len(ages) < 2:
        return values, np.arange(len(ages))
    steps = np.clip(np.diff(ages) / windows.step, 0.0, windows.slopes[-1])
    places = np.round(np.concatenate([[0.0], np.cumsum(steps)])).astype(np.intp)
    if np.array_equal(places, np.arange(len(ages))):
        return values, places
    known, first, counts = np.unique(places, return_index=True, return_counts=True)
    means = np.add.reduceat(values, first, axis=0) / counts[:, None]
    every = np.arange(known[-1] + 1)
    return np.column_stack([np.interp(every, known, column) for column in means.T]), places


def _of_rows(filled: Floats, windows: Windows) -> Floats:
    """All features but the age, of rows that are one step apart."""
    rows = len(filled)
    total = np.vstack([np.zeros(filled.shape[1]), np.cumsum(filled, axis=0)])
    squares = np.vstack([np.zeros(filled.shape[1]), np.cumsum(filled**2, axis=0)])
    at = np.arange(rows)
    first = np.minimum(at + 1, windows.first)
    own_start = total[first] / first[:, None]
    parts: list[Floats] = []
    means = []
    for window in windows.means:
        start = np.maximum(at + 1 - window, 0)
        size = (at + 1 - start)[:, None]
        mean = (total[at + 1] - total[start]) / size
        means.append(mean)
        parts.extend((mean, mean - own_start))
    start = np.maximum(at + 1 - windows.means[-1], 0)
    size = (at + 1 - start)[:, None]
    power = (squares[at + 1] - squares[start]) / size - means[-1] ** 2
    parts.append(np.sqrt(np.maximum(power, 0.0)))
    parts.extend(_slopes(filled, window) for window in windows.slopes)
    return np.hstack(parts)


def _slopes(values: Floats, window: int) -> Floats:
    """Least-squares slope per row over the last `window` rows, drawn to 0 while there are fewer."""
    rows = len(values)
    at = np.arange(rows, dtype=np.float64)[:, None]
    total = np.vstack([np.zeros(values.shape[1]), np.cumsum(values, axis=0)])
    moment = np.vstack([np.zeros(values.shape[1]), np.cumsum(values * at, axis=0)])
    end = np.arange(1, rows + 1)
    start = np.maximum(end - window, 0)
    n = (end - start)[:, None].astype(np.float64)
    middle = ((start + end - 1) / 2.0)[:, None]
    cov = (moment[end] - moment[start]) - middle * (total[end] - total[start])
    return np.asarray(cov / (_spread_of_rows(n) + 0.1 * _spread_of_rows(np.float64(window))))


def _spread_of_rows(n: npt.NDArray[np.float64] | np.float64) -> npt.NDArray[np.float64]:
    """Sum of squared deviations of n row numbers from their mean."""
    return np.asarray(n * (n**2 - 1) / 12.0)


def _fill_forward(values: Floats) -> Floats:
    known = np.isfinite(values)
    if known.all():
        return values
    rows = np.where(known, np.arange(len(values))[:, None], 0)
    filled = np.take_along_axis(values, np.maximum.accumulate(rows, axis=0), axis=0)
    return np.where(np.isfinite(filled), filled, 0.0)
