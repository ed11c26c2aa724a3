"""How likely is a failure within so long? Learned from units of which some failed; calibrated.

A unit that has not failed says something only about the time that is longer than the horizon before
its last row. The classifier is trained on the same features as remaining life; what its scores are
worth is learned from units that it was not trained on (Platt 1999, with folds of units), so that of
the rows told 20 % about one in five is followed by a failure.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from anomaly.errors import LifeError
from anomaly.fleet import skops_file
from anomaly.fleet.life_features import Floats, Scaling, Windows, learn_scaling
from anomaly.fleet.life_model import scaling_content, scaling_from, table_features
from anomaly.fleet.life_table import UnitTable

FORMAT: Final = "forewarn-failure-1"
FOLDS: Final = 3
_LEAST: Final = 4  # units that failed, and rows of either kind, below which nothing is learned
_TREES: Final = {
    "max_iter": 150, "learning_rate": 0.05, "max_leaf_nodes": 12, "l2_regularization": 1.0,
    "max_features": 0.25, "early_stopping": False,
}  # fmt: skip


@dataclass(slots=True)
class FailureModel:
    """P(failure within `horizon`), which is in the unit of the training time column."""

    unit_column: str
    time_column: str
    horizon: float
    scaling: Scaling
    windows: Windows
    trees: Any
    slope: float
    offset: float
    brier: float
    """Mean squared error of the probability on units held out; `base_brier` of always the mean."""
    base_brier: float

    def predict(self, table: UnitTable) -> list[tuple[str, float]]:
        """(unit, probability) as of each unit's last row; raises LifeError."""
        features = table_features(table, self.scaling, self.windows)
        units = [unit for unit, _ in table.unit_rows()]
        told = self.probability(np.array([unit[-1] for unit in features]))
        return [(unit, float(p)) for unit, p in zip(units, told, strict=True)]

    def probability(self, features: Floats) -> Floats:
        """Of each row of features, shape (rows,)."""
        return _logistic(self.slope * _score(self.trees, features) + self.offset)


@dataclass(frozen=True, slots=True)
class _Learning:
    """Each unit's features, what followed each row within the horizon, and which rows say so."""

    features: list[Floats]
    followed: list[Floats]
    known: list[np.ndarray[Any, np.dtype[np.bool_]]]

    def stacked(self, units: Collection[int]) -> tuple[Floats, Floats]:
        x = np.vstack([self.features[i][self.known[i]] for i in units])
        return x, np.concatenate([self.followed[i][self.known[i]] for i in units])


def train_failure(
    table: UnitTable, unit_column: str, time_column: str, *, failed: Collection[str],
    horizon: float, settings: list[str], seed: int,
) -> FailureModel:  # fmt: skip
    """`failed` names the units whose last row is their failure. Raises LifeError for too little."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    if not horizon > 0.0:
        raise LifeError(f"the horizon must be above 0, got {horizon}")
    histories = table.unit_rows()
    broken = [unit in failed for unit, _ in histories]
    if sum(broken) < _LEAST:
        raise LifeError(f"{sum(broken)} units failed; at least {_LEAST} are needed")
    scaling = learn_scaling(table, settings, seed)
    if not scaling.readings:
        raise LifeError("no column besides the settings ever changes")
    windows = Windows.for_histories([table.times[rows] for _, rows in histories])
    left = [table.times[rows][-1] - table.times[rows] for _, rows in histories]
    learning = _Learning(
        table_features(table, scaling, windows),
        [(rest <= horizon) * float(dead) for rest, dead in zip(left, broken, strict=True)],
        [(rest > horizon) | dead for rest, dead in zip(left, broken, strict=True)],
    )
    everyone = range(len(histories))
    x, y = learning.stacked(everyone)
    if min(y.sum(), len(y) - y.sum()) < _LEAST:
        raise LifeError("almost every row, or almost none, is within the horizon of a failure")
    with threadpool_limits(1):
        scores, truth = _held_out(learning, np.array(broken), seed)
        slope, offset = _calibration(scores, truth)
        told = _logistic(slope * scores + offset)
        trees = _trained(x, y, seed)
    return FailureModel(
        unit_column, time_column, horizon, scaling, windows, trees, slope, offset,
        brier=float(((told - truth) ** 2).mean()), base_brier=float(truth.var()),
    )  # fmt: skip


def _held_out(
    learning: _Learning, broken: np.ndarray[Any, Any], seed: int
) -> tuple[Floats, Floats]:
    """Scores and truth of rows by models that did not see their units; failures in every fold."""
    random = np.random.default_rng(seed)
    fold_of = np.zeros(len(broken), int)
    for kind in (True, False):
        members = np.flatnonzero(broken == kind)
        fold_of[members] = random.permutation(len(members)) % FOLDS
    scores, truths = [], []
    for fold in range(FOLDS):
        trees = _trained(*learning.stacked(np.flatnonzero(fold_of != fold)), seed + fold)
        x, y = learning.stacked(np.flatnonzero(fold_of == fold))
        scores.append(_score(trees, x))
        truths.append(y)
    return np.concatenate(scores), np.concatenate(truths)


def _trained(x: Floats, y: Floats, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - heavy

    leaf = int(min(40, max(5, len(y) // 100)))
    return HistGradientBoostingClassifier(
        random_state=seed, min_samples_leaf=leaf, **_TREES
    ).fit(x, y.astype(int))  # fmt: skip


def _calibration(scores: Floats, truth: Floats) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - heavy

    fitted = LogisticRegression().fit(scores[:, None], truth.astype(int))
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _score(trees: Any, x: Floats) -> Floats:
    return np.clip(np.asarray(trees.decision_function(x), np.float64), -8.0, 8.0)


def _logistic(score: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-score)))


def save(model: FailureModel, path: Path) -> None:
    """Write the model; raises LifeError when it cannot."""
    content = {
        "format": FORMAT,
        "unit": model.unit_column,
        "time": model.time_column,
        "horizon": model.horizon,
        **scaling_content(model.scaling, model.windows),
        "trees": model.trees,
        "calibration": [model.slope, model.offset],
        "brier": [model.brier, model.base_brier],
    }
    skops_file.save(content, path)


def load(path: Path) -> FailureModel:
    """Read a model; raises LifeError for anything else."""
    return from_content(skops_file.load(path, FORMAT), path)


def from_content(content: dict[str, Any], path: Path) -> FailureModel:
    """The model that a file of this FORMAT holds; raises LifeError where something is missing."""
    try:
        scaling, windows = scaling_from(content)
        slope, offset = map(float, content["calibration"])
        brier, base = map(float, content["brier"])
        return FailureModel(
            content["unit"], content["time"], float(content["horizon"]), scaling, windows,
            content["trees"], slope, offset, brier, base,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise LifeError(f"{path.name}: the model is not whole: {error}") from error
