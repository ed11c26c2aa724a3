"""How good a model is on units that ended after it was trained: one number, lower is better."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from anomaly.fleet import failure_model, life_model, skops_file
from anomaly.fleet.failure_model import FailureModel
from anomaly.fleet.life_model import LifeModel
from anomaly.fleet.life_table import UnitTable

Model = LifeModel | FailureModel
AGES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
"""Shares of its life at which each unit is asked about."""


def load_any(path: Path) -> Model:
    """A model of either kind. Raises LifeError for anything else."""
    content = skops_file.load(path, life_model.FORMAT, failure_model.FORMAT)
    if content["format"] == life_model.FORMAT:
        return life_model.from_content(content, path)
    return failure_model.from_content(content, path)


def error_of(model: Model, table: UnitTable) -> float:
    """Of units run to failure, cut at several ages: root mean square error of the remaining life (as
    far as the estimate goes), or mean squared error of the probability. Raises LifeError.
    """
    cut, left = cut_at_ages(table)
    if isinstance(model, LifeModel):
        told = np.array([remaining for _, remaining, _, _ in model.predict(cut)])
        most = model.clip if model.by_limit is None else np.inf
        return float(np.sqrt(np.mean((np.minimum(told, most) - np.minimum(left, most)) ** 2)))
    probability = np.array([p for _, p in model.predict(cut)])
    return float(np.mean((probability - (left <= model.horizon)) ** 2))


def cut_at_ages(table: UnitTable) -> tuple[UnitTable, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Each unit cut at each age as a unit of its own, and what remained to it then."""
    places, names, left = [], [], []
    for unit, rows in table.unit_rows():
        for age in AGES:
            count = max(1, round(age * len(rows)))
            places.append(rows[:count])
            names += [f"{unit} at {age}"] * count
            left.append(float(table.times[rows][-1] - table.times[rows][count - 1]))
    kept = np.concatenate(places)
    return UnitTable(names, table.times[kept], table.names, table.values[kept]), np.array(left)
