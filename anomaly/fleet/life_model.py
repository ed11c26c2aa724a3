"""Remaining life of units, learned from those run to failure: a point and an 80 % interval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from anomaly.errors import LifeError
from anomaly.fleet import skops_file
from anomaly.fleet.life_by_limit import FEW_UNITS, LimitModel, find_limit
from anomaly.fleet.life_features import Floats, Scaling, Windows, learn_scaling, unit_features
from anomaly.fleet.life_interval import Interval, train_interval
from anomaly.fleet.life_points import Points, train_points
from anomaly.fleet.life_table import UnitTable

FORMAT: Final = "forewarn-life-2"
# Far from its end a unit shows nothing, so the point estimate says no more than "long": this share
# of a life that nineteen units of twenty reach.
CLIP_SHARE: Final = 0.83
_SHORT_LIVES: Final = 0.05
_LEAST_UNITS: Final = 2
_MEMBERS: Final = 2


@dataclass(slots=True)
class LifeModel:
    """What `fit` learns and `predict` needs; times in the unit of the training time column."""

    unit_column: str
    time_column: str
    scaling: Scaling
    windows: Windows
    points: Points
    interval: Interval
    by_limit: LimitModel | None = None
    """Where few units failed and one reading tells it: this, and not what is learned from all."""

    @property
    def clip(self) -> float:
        """The longest point estimate."""
        return self.points.clip

    def predict(self, table: UnitTable) -> list[tuple[str, float, float, float]]:
        """(unit, remaining, low, high) as of each unit's last row; raises LifeError."""
        if self.by_limit is not None:
            return self.by_limit.predict(table)
        features = table_features(table, self.scaling, self.windows)
        rows = np.array([unit[-1] for unit in features])
        point = self.points.predict(rows)
        low, high = self.interval.around(point, rows[:, 0])
        units = [unit for unit, _ in table.unit_rows()]
        return [
            (unit, float(p), float(lo), float(hi))
            for unit, p, lo, hi in zip(units, point, low, high, strict=True)
        ]


def table_features(table: UnitTable, scaling: Scaling, windows: Windows) -> list[Floats]:
    """Features of each unit's rows in order of time; raises LifeError for a column that is absent."""
    wanted = [*scaling.readings, *scaling.settings]
    absent = [name for name in wanted if name not in table.names]
    if absent:
        raise LifeError(
            f"the table lacks columns the model was trained on: {', '.join(absent[:10])}"
        )
    scaled = scaling.apply(table)
    return [
        unit_features(scaled[rows], table.times[rows] - table.times[rows][0], windows)
        for _, rows in table.unit_rows()
    ]


def train(
    table: UnitTable,
    unit_column: str,
    time_column: str,
    settings: list[str],
    clip: float | None,
    seed: int,
) -> LifeModel:
    """Learn from units run to failure; raises LifeError when there are too few."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    histories = table.unit_rows()
    if len(histories) < _LEAST_UNITS:
        raise LifeError(
            f"{len(histories)} units run to failure; at least {_LEAST_UNITS} are needed"
        )
    scaling = learn_scaling(table, settings, seed)
    if not scaling.readings:
        raise LifeError("no column besides the settings ever changes")
    windows = Windows.for_histories([table.times[rows] for _, rows in histories])
    features = table_features(table, scaling, windows)
    remaining = [table.times[rows][-1] - table.times[rows] for _, rows in histories]
    if clip is None:
        lives = [truth[0] for truth in remaining]
        clip = float(CLIP_SHARE * np.quantile(lives, _SHORT_LIVES)) or 1.0
    # One thread: the same model everywhere, and no spinning threads on a busy machine.
    with threadpool_limits(1):
        points = train_points(
            np.vstack(features), np.concatenate(remaining), clip, members=_MEMBERS, seed=seed
        )
        interval = train_interval(features, remaining, clip, seed=seed)
    by_limit = find_limit(table) if len(histories) < FEW_UNITS else None
    return LifeModel(unit_column, time_column, scaling, windows, points, interval, by_limit)


def save(model: LifeModel, path: Path) -> None:
    """Write the model; raises LifeError when it cannot."""
    scaling, windows, points = model.scaling, model.windows, model.points
    content = {
        "format": FORMAT,
        "unit": model.unit_column,
        "time": model.time_column,
        **scaling_content(scaling, windows),
        "trees": points.trees,
        "nets": points.nets,
        "feature_centre": points.centre,
        "feature_spread": points.spread,
        "clip": points.clip,
        "low": model.interval.low,
        "high": model.interval.high,
        "by_limit": _limit_content(model.by_limit),
    }
    skops_file.save(content, path)


def load(path: Path) -> LifeModel:
    """Read a model; raises LifeError for anything else."""
    return from_content(skops_file.load(path, FORMAT), path)


def from_content(content: dict[str, Any], path: Path) -> LifeModel:
    """The model that a file of this FORMAT holds; raises LifeError where something is missing."""
    try:
        scaling, windows = scaling_from(content)
        points = Points(
            content["trees"], content["nets"], content["feature_centre"],
            content["feature_spread"], float(content["clip"]),
        )  # fmt: skip
        interval = Interval(content["low"], content["high"])
        by_limit = _limit_from(content["by_limit"])
        unit, time = content["unit"], content["time"]
        return LifeModel(unit, time, scaling, windows, points, interval, by_limit)
    except (KeyError, TypeError, ValueError) as error:
        raise LifeError(f"{path.name}: the model is not whole: {error}") from error


def _limit_content(model: LimitModel | None) -> dict[str, Any] | None:
    if model is None:
        return None
    return {
        "reading": model.reading,
        "limit": model.limit,
        "longest": model.longest,
        "times": [times for times, _ in model.peers],
        "values": [values for _, values in model.peers],
    }


def _limit_from(content: dict[str, Any] | None) -> LimitModel | None:
    if content is None:
        return None
    peers = list(zip(content["times"], content["values"], strict=True))
    return LimitModel(content["reading"], float(content["limit"]), peers, float(content["longest"]))


def scaling_content(scaling: Scaling, windows: Windows) -> dict[str, Any]:
    """What a file keeps of them."""
    return {
        "readings": scaling.readings,
        "settings": scaling.settings,
        "centres": scaling.centres,
        "setting_scale": scaling.setting_scale,
        "mean": scaling.mean,
        "spread": scaling.spread,
        "windows": [windows.first, *windows.means, *windows.slopes],
        "step": windows.step,
    }


def scaling_from(content: dict[str, Any]) -> tuple[Scaling, Windows]:
    """Raises KeyError, TypeError or ValueError for content that is not theirs."""
    scaling = Scaling(
        content["readings"], content["settings"], content["centres"], content["setting_scale"],
        content["mean"], content["spread"],
    )  # fmt: skip
    first, short, long, quick, middle, slow = map(int, content["windows"])
    step = float(content.get("step", 0.0))
    return scaling, Windows(first, (short, long), (quick, middle, slow), step)
