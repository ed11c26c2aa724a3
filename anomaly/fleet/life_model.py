"""Gradient-boosted trees for remaining life: a point and an 80 % interval, calibrated on units
that were held back; kept as a skops file, which unlike pickle runs no code when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from anomaly.errors import LifeError
from anomaly.fleet.life_features import Floats, Scaling, learn_scaling, unit_features
from anomaly.fleet.life_table import UnitTable

FORMAT: Final = "forewarn-life-1"
INTERVAL: Final = 0.8
# Far from its end a unit shows nothing: beyond this share of a typical life the point estimate
# learns only "long". Chosen by held-out units; the interval is learned on the unclipped truth.
CLIP_SHARE: Final = 0.62
_HELD_BACK = 0.25
_POINT = {
    "max_iter": 250, "learning_rate": 0.04, "max_leaf_nodes": 15, "min_samples_leaf": 40,
    "l2_regularization": 1.0, "max_features": 0.25, "early_stopping": False,
}  # fmt: skip
_QUANTILE = {
    "max_iter": 150, "learning_rate": 0.06, "max_leaf_nodes": 12, "min_samples_leaf": 60,
    "max_features": 0.4, "early_stopping": False, "loss": "quantile",
}  # fmt: skip
_MEMBERS = 3


@dataclass(slots=True)
class LifeModel:
    """What `fit` learns and `predict` needs; times in the unit of the training time column."""

    unit_column: str
    time_column: str
    scaling: Scaling
    clip: float
    points: list[Any]
    low: Any
    high: Any
    margin: float

    def predict(self, table: UnitTable) -> list[tuple[str, float, float, float]]:
        """(unit, remaining, low, high) as of each unit's last row; raises LifeError."""
        rows = np.array([features[-1] for features in _features(table, self.scaling)])
        point = np.mean([member.predict(rows) for member in self.points], axis=0)
        low = self.low.predict(rows) - self.margin
        high = self.high.predict(rows) + self.margin
        point = np.maximum(point, 0.0)
        low = np.clip(np.minimum(low, point), 0.0, None)
        high = np.maximum(high, point)
        units = [unit for unit, _ in table.unit_rows()]
        return [
            (unit, float(p), float(lo), float(hi))
            for unit, p, lo, hi in zip(units, point, low, high, strict=True)
        ]


def _features(table: UnitTable, scaling: Scaling) -> list[Floats]:
    wanted = [*scaling.readings, *scaling.settings]
    absent = [name for name in wanted if name not in table.names]
    if absent:
        raise LifeError(
            f"the table lacks columns the model was trained on: {', '.join(absent[:10])}"
        )
    scaled = scaling.apply(table)
    return [
        unit_features(scaled[rows], table.times[rows] - table.times[rows][0])
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
    if len(histories) < 4:
        raise LifeError(f"{len(histories)} units run to failure; at least 4 are needed")
    absent = [name for name in settings if name not in table.names]
    if absent:
        raise LifeError(f"no column {absent[0]!r} for a setting")
    scaling = learn_scaling(table, settings, seed)
    if not scaling.readings:
        raise LifeError("no column besides the settings ever changes")
    features = _features(table, scaling)
    remaining = [table.times[rows][-1] - table.times[rows] for _, rows in histories]
    lives = np.array([truth[0] for truth in remaining])
    if clip is None:
        clip = float(CLIP_SHARE * np.median(lives)) or 1.0
    x, y = np.vstack(features), np.concatenate(remaining)
    # One thread: the same trees everywhere, and no spinning threads on a busy machine.
    with threadpool_limits(1):
        short = np.minimum(y, clip)
        points = [_booster(_POINT, seed + member).fit(x, short) for member in range(_MEMBERS)]
        low, high, margin = _interval(features, remaining, seed)
    return LifeModel(unit_column, time_column, scaling, clip, points, low, high, margin)


def _booster(options: dict[str, Any], seed: int, **more: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - heavy

    return HistGradientBoostingRegressor(random_state=seed, **options, **more)


def _interval(features: list[Floats], remaining: list[Floats], seed: int) -> tuple[Any, Any, float]:
    """Quantile models, and the margin by which held-back units call for widening them."""
    order = np.random.default_rng(seed).permutation(len(features))
    held = max(1, round(_HELD_BACK * len(features)))
    back, front = order[:held], order[held:]
    x = np.vstack([features[i] for i in front])
    y = np.concatenate([remaining[i] for i in front])
    tail = (1 - INTERVAL) / 2
    low = _booster(_QUANTILE, seed, quantile=tail).fit(x, y)
    high = _booster(_QUANTILE, seed, quantile=1 - tail).fit(x, y)
    misses: list[npt.NDArray[np.float64]] = []
    for index in back:
        truth = remaining[index]
        miss = np.maximum(
            low.predict(features[index]) - truth, truth - high.predict(features[index])
        )
        misses.append(miss)
    margin = float(np.quantile(np.concatenate(misses), INTERVAL))
    return low, high, margin


def save(model: LifeModel, path: Path) -> None:
    """Write the model; raises LifeError when it cannot."""
    from skops.io import dump  # noqa: PLC0415 - heavy

    scaling = model.scaling
    content = {
        "format": FORMAT,
        "unit": model.unit_column,
        "time": model.time_column,
        "readings": scaling.readings,
        "settings": scaling.settings,
        "centres": scaling.centres,
        "setting_scale": scaling.setting_scale,
        "mean": scaling.mean,
        "spread": scaling.spread,
        "clip": model.clip,
        "margin": model.margin,
        "points": model.points,
        "low": model.low,
        "high": model.high,
    }
    try:
        dump(content, path)
    except OSError as error:
        raise LifeError(f"{path}: {error.strerror or error}") from error


def load(path: Path) -> LifeModel:
    """Read a model; only types of scikit-learn and numpy are let in. Raises LifeError."""
    from skops.io import get_untrusted_types  # noqa: PLC0415 - heavy
    from skops.io import load as read  # noqa: PLC0415 - heavy

    content: Any = None
    try:
        foreign = get_untrusted_types(file=path)
        refused = [name for name in foreign if name.split(".")[0] not in {"sklearn", "numpy"}]
        if not refused:
            content = read(path, trusted=foreign)
    except Exception as error:  # skops raises whatever the broken archive provokes
        raise LifeError(f"{path.name}: not a model that can be read: {error}") from error
    if refused:
        raise LifeError(f"{path.name}: holds types a model has no need of: {refused[:5]}")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise LifeError(f"{path.name}: not a model of remaining life of this version")
    scaling = Scaling(
        content["readings"], content["settings"], content["centres"], content["setting_scale"],
        content["mean"], content["spread"],
    )  # fmt: skip
    return LifeModel(
        content["unit"], content["time"], scaling, content["clip"], content["points"],
        content["low"], content["high"], content["margin"],
    )  # fmt: skip
