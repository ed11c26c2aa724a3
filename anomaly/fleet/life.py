"""`forewarn life`: learn remaining life from units run to failure, and read it for living ones."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from anomaly.errors import LifeError
from anomaly.fleet.life_model import LifeModel, load, save, train
from anomaly.fleet.life_table import read_units

Progress = Callable[[float, str], None]
SEED = 20_250


def fit(
    train_csv: str | Path,
    *,
    unit: str,
    time: str,
    settings: Sequence[str] = (),
    out: str | Path,
    clip: float | None = None,
    seed: int = SEED,
    progress: Progress | None = None,
) -> LifeModel:
    """Learn from a CSV in which every unit's last row is its failure; writes a skops file.

    `clip` is the remaining life beyond which the point estimate says no more than "long"; None
    takes a share of the median life. Raises LifeError naming the column, line or shortage.
    """
    if clip is not None and not clip > 0:
        raise LifeError(f"clip must be above 0, got {clip}")
    tell = progress or say_nothing
    tell(0.0, "reading")
    table = read_units(Path(train_csv), unit, time)
    tell(0.1, "learning")
    model = train(table, unit, time, list(settings), clip, seed)
    save(model, Path(out))
    tell(1.0, "done")
    return model


def predict(
    test_csv: str | Path,
    *,
    model: str | Path,
    out: str | Path,
    progress: Progress | None = None,
) -> list[tuple[str, float, float, float]]:
    """Write `unit,remaining,low,high` as of each unit's last row; returns the same rows."""
    tell = progress or say_nothing
    tell(0.0, "reading")
    known = load(Path(model))
    table = read_units(Path(test_csv), known.unit_column, known.time_column)
    tell(0.5, "predicting")
    rows = known.predict(table)
    try:
        with Path(out).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["unit", "remaining", "low", "high"])
            writer.writerows(
                [unit, f"{p:.4g}", f"{lo:.4g}", f"{hi:.4g}"] for unit, p, lo, hi in rows
            )
    except OSError as error:
        raise LifeError(f"{out}: {error.strerror or error}") from error
    tell(1.0, "done")
    return rows


def say_nothing(_share: float, _text: str) -> None:
    """Where nobody asked for progress."""
