"""A new model against the one in use, on units that ended after both were trained. Bytes in and out.

For whoever keeps models in a database, and works on them in a process apart; `shelf` is the same
question for files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from anomaly.errors import LifeError
from anomaly.fleet import failure_model, life_model
from anomaly.fleet.failure_model import FailureModel, train_failure
from anomaly.fleet.held_out import Model, cut_at_ages, error_of, load_any
from anomaly.fleet.life_model import LifeModel, train
from anomaly.fleet.life_table import UnitTable

ModelKind = Literal["life", "failure"]


@dataclass(frozen=True, slots=True)
class Trial:
    """Errors on the same held-out units (`held_out.error_of`), lower is better.

    `current_error` is of the model in use, `mean_error` of always telling the training units' mean.
    """

    content: bytes
    error: float
    current_error: float | None
    mean_error: float

    @property
    def better(self) -> bool:
        """Better than the one in use, or than the mean where none is."""
        rival = self.mean_error if self.current_error is None else self.current_error
        return self.error < rival


@dataclass(frozen=True, slots=True)
class Told:
    """Of one unit as of its last row; what no model was asked for is None."""

    unit: str
    remaining: float | None
    low: float | None
    high: float | None
    probability: float | None


def try_out(
    kind: ModelKind, table: UnitTable, failed: Sequence[str], held_out: UnitTable, horizon: float,
    current: bytes | None, *, seed: int,
) -> Trial:  # fmt: skip
    """Train on `table`, of whose units `failed` ended in a failure, and compare. Raises LifeError.

    `held_out` are units run to failure, with the same columns; `horizon` is what a failure model
    looks ahead, in the unit of the times.
    """
    broken = set(failed)
    made: Model
    ended = _only(table, broken)
    if kind == "life":
        made = train(ended, "unit", "age", [], None, seed)
    else:
        made = train_failure(table, "unit", "age", failed=broken, horizon=horizon, settings=[], seed=seed)  # fmt: skip
    error = error_of(made, held_out)
    rival = None
    if current is not None:
        old = from_bytes(current)
        rival = error_of(old, with_columns(held_out, columns_of(old)))
    return Trial(to_bytes(made), error, rival, _mean_error(made, ended, held_out))


def tell(table: UnitTable, life: bytes | None, failure: bytes | None) -> list[Told]:
    """What the models say of each unit, in order of appearance. Raises LifeError."""
    units = [unit for unit, _ in table.unit_rows()]
    left: dict[str, tuple[float, float, float]] = {}
    odds: dict[str, float] = {}
    for content in (life, failure):
        if content is None:
            continue
        model = from_bytes(content)
        fitting = with_columns(table, columns_of(model))
        if isinstance(model, LifeModel):
            left = {unit: rest for unit, *rest in model.predict(fitting)}  # type: ignore[misc]
        else:
            odds = dict(model.predict(fitting))
    unsaid = (None, None, None)
    words = ((unit, left.get(unit, unsaid)) for unit in units)
    return [Told(unit, point, low, high, odds.get(unit)) for unit, (point, low, high) in words]


def columns_of(model: Model) -> list[str]:
    """Every column that the model reads."""
    names = [*model.scaling.readings, *model.scaling.settings]
    limit = model.by_limit if isinstance(model, LifeModel) else None
    return names if limit is None or limit.reading in names else [*names, limit.reading]


def with_columns(table: UnitTable, names: Sequence[str]) -> UnitTable:
    """The table with just these columns; one that it lacks is a gap from end to end."""
    values = np.full((len(table.units), len(names)), np.nan)
    for place, name in enumerate(names):
        if name in table.names:
            values[:, place] = table.values[:, table.names.index(name)]
    return UnitTable(table.units, table.times, list(names), values)


def to_bytes(model: Model) -> bytes:
    """As a skops file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        if isinstance(model, FailureModel):
            failure_model.save(model, path)
        else:
            life_model.save(model, path)
        return path.read_bytes()


def from_bytes(content: bytes) -> Model:
    """Raises LifeError for anything but a model of ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        path.write_bytes(content)
        return load_any(path)


def _only(table: UnitTable, units: set[str]) -> UnitTable:
    here = np.array([unit in units for unit in table.units], bool)
    if not here.any():
        raise LifeError("no unit failed")
    kept = [unit for unit in table.units if unit in units]
    return UnitTable(kept, table.times[here], table.names, table.values[here])


def _mean_error(model: Model, ended: UnitTable, held_out: UnitTable) -> float:
    _, known = cut_at_ages(ended)
    _, left = cut_at_ages(held_out)
    if isinstance(model, FailureModel):
        share = float(np.mean(known <= model.horizon))
        return float(np.mean((share - (left <= model.horizon)) ** 2))
    most = model.clip if model.by_limit is None else np.inf
    usual = float(np.mean(np.minimum(known, most)))
    return float(np.sqrt(np.mean((usual - np.minimum(left, most)) ** 2)))
