"""A chunk of a scored file through the engine: its samples, and what comes back as rows and metrics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from anomaly.csv_table import Chunk
from anomaly.engine import Engine
from anomaly.finding import Finding
from anomaly.limits import guess_unit
from anomaly.score_peers import SHARE
from anomaly.score_rows import Rows, rows_of

_LOOKED_AT = 64
"""So many first numbers tell a metric of two states: few, as a file cut short must read the same."""


def is_flag(numbers: npt.NDArray[np.float64]) -> bool:
    """Whether the first numbers are 0 and 1 alone, and both of them."""
    first = numbers[:_LOOKED_AT]
    return len(first) == _LOOKED_AT and set(np.unique(first).tolist()) == {0.0, 1.0}


def register(
    engine: Engine, device: str, metrics: list[str], chunk: Chunk,
    series: npt.NDArray[np.int32], *, held: bool,
) -> None:  # fmt: skip
    """Register each metric when its first number appears: that number may refute a unit."""
    for index in np.flatnonzero(series < 0):
        numbers = chunk.values[:, index]
        finite = numbers[np.isfinite(numbers)]
        if len(finite):
            name = metrics[index]
            unit = guess_unit(name, float(finite[0])) or (SHARE if is_flag(finite) else "")
            series[index] = engine.series(device, name, unit)
            if held:
                engine.hold(device)


def split(chunk: Chunk, at: int) -> Iterator[Chunk]:
    """The chunk in one or two parts, cut after `at` rows."""
    if not 0 < at < len(chunk.times_s):
        yield chunk
        return
    for part in (slice(None, at), slice(at, None)):
        yield Chunk(
            chunk.first_line,
            chunk.labels[part],
            chunk.times_s[part],
            chunk.values[part],
            chunk.dated,
        )


def score_part(
    engine: Engine, part: Chunk, series: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], Rows, list[Finding]]:
    """Scores and alarms of shape (rows, metrics), NaN and 255 where a cell is missing; and the rows'."""
    shape = part.values.shape
    scores = np.full(shape, np.nan, np.float32)
    alarms = np.zeros(shape, np.uint8)
    present = np.isfinite(part.values)
    indices = np.broadcast_to(series, shape)[present]
    times = np.broadcast_to(part.times_s[:, None], shape)[present]
    arrived_s = float(part.times_s[-1]) if len(part.times_s) else 0.0
    found, of_samples, of_device = engine.update_rows(
        indices, times, part.values[present], arrived_s
    )
    scores[present], alarms[present] = of_samples
    rows = rows_of(present, *of_device)
    return scores, np.where(present, alarms, 255).astype(np.uint8), rows, found
