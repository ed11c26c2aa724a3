"""The point estimate: the mean of gradient-boosted trees and small neural networks.

The two err differently (trees in steps, networks smoothly), so their mean is better than either:
grouped cross-validation in docs/detectors.md.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from anomaly.fleet.life_features import Floats

_TREES: Final = {
    "max_iter": 250, "learning_rate": 0.04, "max_leaf_nodes": 15, "min_samples_leaf": 40,
    "l2_regularization": 1.0, "max_features": 0.25, "early_stopping": False,
}  # fmt: skip
_NET: Final = {
    "hidden_layer_sizes": (96, 48), "alpha": 0.3, "learning_rate_init": 2e-3, "batch_size": 200,
}  # fmt: skip
_NET_STEPS: Final = 1_100  # weight updates, whatever the number of rows
_FAR: Final = 6.0  # spreads beyond which a feature says no more to a network
_ENOUGH_ROWS: Final = 10_000  # neighbouring rows say almost the same: beyond, every second is left
_MOST_ROWS: Final = 30_000


@dataclass(slots=True)
class Points:
    """Trained members; `predict` gives 0..clip."""

    trees: list[Any]
    nets: list[Any]
    centre: Floats
    spread: Floats
    clip: float

    def predict(self, features: Floats) -> Floats:
        """Remaining life of each row, shape (rows,)."""
        scaled = _scaled(features, self.centre, self.spread)
        votes = [tree.predict(features) for tree in self.trees]
        votes += [self.clip * net.predict(scaled) for net in self.nets]
        return np.asarray(np.clip(np.mean(votes, axis=0), 0.0, self.clip))


def train_points(
    features: Floats, remaining: Floats, clip: float, *, members: int, seed: int
) -> Points:
    """`members` of each kind, on every row or on a part of them that takes seconds."""
    short = np.minimum(remaining, clip)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    points = Points([], [], centre, spread, clip)
    for member in range(members):
        rows = _rows_for(len(short), member)
        x, y = features[rows], short[rows]
        points.trees.append(_trees(seed + member, len(y)).fit(x, y))
        points.nets.append(_net(_scaled(x, centre, spread), y / clip, seed + member))
    return points


def _rows_for(count: int, member: int) -> slice:
    step = 1 if count <= _ENOUGH_ROWS else max(2, -(-count // _MOST_ROWS))
    return slice(member % step, None, step)


def _trees(seed: int, rows: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - heavy

    options = _TREES | {"min_samples_leaf": int(min(40, max(5, rows // 100)))}
    return HistGradientBoostingRegressor(random_state=seed, **options)


def _net(scaled: Floats, share: Floats, seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - heavy
    from sklearn.neural_network import MLPRegressor  # noqa: PLC0415 - heavy

    batch = min(int(_NET["batch_size"]), len(share))  # type: ignore[call-overload]
    rounds = int(np.clip(round(_NET_STEPS * batch / len(share)), 15, 60))
    net = MLPRegressor(random_state=seed, max_iter=rounds, **(_NET | {"batch_size": batch}))
    with warnings.catch_warnings():
        # It is stopped early on purpose: trained to the end it remembers the units.
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(scaled, share)
    del net._optimizer  # noqa: SLF001 - half of the file, of use for further training only
    return net


def _scaled(features: Floats, centre: Floats, spread: Floats) -> npt.NDArray[np.float64]:
    return np.asarray(np.clip((features - centre) / spread, -_FAR, _FAR))
