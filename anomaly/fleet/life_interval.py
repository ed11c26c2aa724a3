"""The 80 % interval: how far the truth lay from estimates for units that were not trained on.

Every unit is estimated by a model of the others (folds of units). What the truth was, given the
estimate and the unit's age, is then learned as two quantiles, on the whole truth: the point estimate
is cut at the clip, the interval is not. (Conformalised quantile regression, Romano et al. 2019, with
folds in place of one held-back part.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from anomaly.fleet.life_features import Floats
from anomaly.fleet.life_points import train_points

INTERVAL: Final = 0.8
FOLDS: Final = 3
_QUANTILE: Final = {
    "max_iter": 60, "learning_rate": 0.1, "max_leaf_nodes": 6, "early_stopping": False,
    "loss": "quantile",
}  # fmt: skip


@dataclass(slots=True)
class Interval:
    """Quantiles of the truth given (estimate, age), and margins that held-out units called for."""

    low: Any
    high: Any

    def around(self, point: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Lower and upper ends, shapes (rows,), with the estimate between them."""
        given = np.column_stack([point, age])
        low = np.clip(np.minimum(self.low.predict(given), point), 0.0, None)
        return low, np.maximum(self.high.predict(given), point)


def train_interval(
    features: list[Floats], remaining: list[Floats], clip: float, *, seed: int
) -> Interval:
    """From each unit's features (rows, features) and remaining life (rows,)."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - heavy

    points = held_out_points(features, remaining, clip, seed=seed)
    given = np.column_stack([np.concatenate(points), np.concatenate([x[:, 0] for x in features])])
    truth = np.concatenate(remaining)
    weight = _weights(remaining, clip)
    tail = (1.0 - INTERVAL) / 2.0
    leaf = max(5, len(truth) // 25)
    ends = [
        HistGradientBoostingRegressor(
            random_state=seed, quantile=quantile, min_samples_leaf=leaf, **_QUANTILE
        ).fit(given, truth, sample_weight=weight)
        for quantile in (tail, 1.0 - tail)
    ]
    return Interval(*ends)


def held_out_points(
    features: list[Floats], remaining: list[Floats], clip: float, *, seed: int
) -> list[Floats]:
    """Each unit's estimates by a model of the other folds' units, in order of the units."""
    folds = min(FOLDS, len(features))
    fold_of = np.random.default_rng(seed).permutation(len(features)) % folds
    points: list[Floats] = [np.empty(0)] * len(features)
    for fold in range(folds):
        others = [index for index in range(len(features)) if fold_of[index] != fold]
        x = np.vstack([features[index] for index in others])
        y = np.concatenate([remaining[index] for index in others])
        model = train_points(x, y, clip, members=1, seed=seed + fold)
        for index in np.flatnonzero(fold_of == fold):
            points[index] = model.predict(features[index])
    return points


def _weights(remaining: list[Floats], clip: float) -> Floats:
    """Every unit counts alike, and its time within the clip as much as all the time before."""
    parts = []
    for truth in remaining:
        near = truth <= clip
        weight = np.where(near, 1.0 / max(near.sum(), 1), 1.0 / max((~near).sum(), 1))
        parts.append(weight)
    return np.concatenate(parts)
