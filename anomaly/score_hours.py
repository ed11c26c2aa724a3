"""Hourly means of scored devices, kept as files pass, and judged by days at the end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anomaly.csv_table import Chunk
from anomaly.finding import Finding
from anomaly.hours import DAY_HOURS, HOUR_S, LEARN_DAYS, MOST_METRICS, Floats, Hours
from anomaly.limits import guess_unit
from anomaly.relations import out_of_step
from anomaly.rhythm import out_of_rhythm

_MOST_HOURS = 10 * 366 * DAY_HOURS
"""A file whose times span more is not one device's life by the hour."""


class HourlyMeans:
    """Sums by device, hour and metric; of a device with very many metrics the first ones."""

    def __init__(self) -> None:
        self._metrics: dict[str, list[str]] = {}
        self._sums: dict[str, dict[int, Floats]] = {}

    def take(self, device: str, metrics: list[str], part: Chunk) -> None:
        """The next rows of a device."""
        kept = self._metrics.setdefault(device, metrics[:MOST_METRICS])
        sums = self._sums.setdefault(device, {})
        fit = np.isfinite(part.times_s) & (np.abs(part.times_s) < 1e12)
        if not fit.any() or len(sums) > _MOST_HOURS:
            return
        values = part.values[fit, : len(kept)]
        here = np.isfinite(values)
        hours, at = np.unique(
            np.floor(part.times_s[fit] / HOUR_S).astype(np.int64), return_inverse=True
        )
        totals = np.zeros((2, len(hours), len(kept)))
        np.add.at(totals[0], at, np.where(here, values, 0.0))
        np.add.at(totals[1], at, here)
        for place, hour in enumerate(hours.tolist()):
            known = sums.setdefault(hour, np.zeros((2, len(kept))))
            known += totals[:, place]

    def course(self, device: str, metric: str) -> tuple[npt.NDArray[np.int64], Floats]:
        """Hours since 1970 (n,) in order and the means (n,) of a metric; none where it is not kept."""
        metrics, sums = self._metrics.get(device, []), self._sums.get(device, {})
        if metric not in metrics:
            return np.empty(0, np.int64), np.empty(0)
        at, hours = metrics.index(metric), sorted(sums)
        totals = np.array([sums[hour][:, at] for hour in hours]).reshape(-1, 2)
        means = np.full(len(hours), np.nan)
        np.divide(totals[:, 0], totals[:, 1], out=means, where=totals[:, 1] > 0.0)
        return np.array(hours, np.int64), means

    def findings(self) -> list[Finding]:
        """What is out of step or out of rhythm, of all devices."""
        found: list[Finding] = []
        for device, sums in self._sums.items():
            span = max(sums) - min(sums) if sums else 0
            if not LEARN_DAYS[0] * DAY_HOURS < span <= _MOST_HOURS:
                continue
            with np.errstate(invalid="ignore"):
                means = {hour: total[0] / total[1] for hour, total in sums.items()}
            metrics = self._metrics[device]
            latest = means[max(means)]
            units = {
                metric: guess_unit(metric, float(value))
                for metric, value in zip(metrics, latest, strict=True)
                if np.isfinite(value)
            }
            hours = Hours.of(metrics, means)
            found += out_of_step(device, hours, units) + out_of_rhythm(device, hours, units)
        return found
