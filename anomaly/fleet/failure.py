"""`forewarn failure`: learn how likely a failure within a time is, and tell it of living units."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anomaly.errors import LifeError
from anomaly.fleet.failure_model import FailureModel, load, save, train_failure
from anomaly.fleet.life import SEED, Progress, say_nothing
from anomaly.fleet.life_table import UnitTable, read_units


def fit(
    train_csv: str | Path, *, unit: str, time: str, within: float, out: str | Path,
    failed: str | None = None, settings: Sequence[str] = (), seed: int = SEED,
    progress: Progress | None = None,
) -> FailureModel:  # fmt: skip
    """Learn from a CSV; writes a skops file. `failed` names a column that is 1 on units which failed
    at their last row; None: all did. Raises LifeError naming the column, line or shortage.
    """
    tell = progress or say_nothing
    tell(0.0, "reading")
    table = read_units(Path(train_csv), unit, time)
    broken = {name for name, _ in table.unit_rows()}
    if failed is not None:
        table, broken = _without(table, failed)
    tell(0.1, "learning")
    model = train_failure(
        table, unit, time, failed=broken, horizon=within, settings=list(settings), seed=seed
    )
    save(model, Path(out))
    tell(1.0, "done")
    return model


def predict(
    test_csv: str | Path, *, model: str | Path, out: str | Path, progress: Progress | None = None
) -> list[tuple[str, float]]:
    """Write `unit,probability` as of each unit's last row; returns the same rows."""
    tell = progress or say_nothing
    tell(0.0, "reading")
    known = load(Path(model))
    table = read_units(Path(test_csv), known.unit_column, known.time_column)
    tell(0.5, "predicting")
    rows = known.predict(table)
    try:
        with Path(out).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["unit", "probability"])
            writer.writerows([unit, f"{probability:.4f}"] for unit, probability in rows)
    except OSError as error:
        raise LifeError(f"{out}: {error.strerror or error}") from error
    tell(1.0, "done")
    return rows


def _without(table: UnitTable, failed: str) -> tuple[UnitTable, set[str]]:
    """The table without its column of labels, which no model may see, and the units that failed."""
    if failed not in table.names:
        raise LifeError(f"no column {failed!r}, or no number in it")
    place = table.names.index(failed)
    labels = table.values[:, place]
    odd = ~np.isin(labels, (0.0, 1.0)) & np.isfinite(labels)
    if odd.any():
        raise LifeError(f"column {failed!r} must hold 0 and 1, got {labels[odd][0]:g}")
    broken = {unit for unit, rows in table.unit_rows() if (labels[rows] == 1.0).any()}
    others = [index for index in range(len(table.names)) if index != place]
    names = [table.names[index] for index in others]
    return UnitTable(table.units, table.times, names, table.values[:, others]), broken
