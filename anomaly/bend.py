"""How a course bends: the power of its age that it goes by, and when each power that fits reaches the limit.

What wears goes as a power of its age: evenly (1), ever faster (above) or ever slower (below). The power is the
one that fits what was seen, the newer half above all, held back by a prior towards even; all powers that fit
not much worse tell how unsure the bend is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_POWERS: Final = np.exp(np.arange(-16, 25) * (math.log(4.0) / 24))  # 0.4 to 4, and 1 itself
_REACH: Final = 0.5  # time constant of what the fit is about, as a share of the history
_DOUBT: Final = (
    0.02  # a power off by a factor of e costs as much as being off by so much of the whole way
)
_AS_GOOD: Final = 10.0  # times the least misfit: powers that fit so well are not ruled out
_CHI_SQUARE: Final = 1.642  # of one degree of freedom, at 0.8


@dataclass(frozen=True, slots=True)
class Bend:
    """Times from now until the limit: by the best power, and by the fastest and slowest that fit."""

    after: float
    soonest: float
    latest: float


def bend_of(t: Floats, y: Floats, gap: float, way: float) -> Bend | None:
    """Fit y (n,) at t (n,), in order of time and rising towards the limit that lies `gap` ahead; `way` is the whole way to it.

    None where the numbers are too large or too small to be reckoned with.
    """
    step = float(t[-1] - t[0]) / len(t)
    age = (t - t[0] + step) / float(t[-1] - t[0] + step)  # 0 a sample before the first, 1 now
    weight = np.exp((age - 1.0) / _REACH)
    weight /= weight.sum()
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        powers = age[None, :] ** _POWERS[:, None]
        across = powers - (powers @ weight)[:, None]
        up = y - float(y @ weight)
        grown = (across * up) @ weight / (across**2 @ weight)
        off = (up - grown[:, None] * across) ** 2 @ weight
        cost = off + (_DOUBT * way * np.log(_POWERS)) ** 2
        after = ((1.0 + gap / grown) ** (1.0 / _POWERS) - 1.0) * float(t[-1] - t[0] + step)
    usable = np.isfinite(cost) & np.isfinite(after) & (grown > 0.0) & (after > 0.0)
    if not usable.any():
        return None
    cost = np.where(usable, cost, np.inf)
    best = int(np.argmin(cost))
    # Of the misfit the noise counts by the samples that it is the mean of, and what no power can fit in whole.
    steps = np.diff(y)
    noise = (float(np.median(np.abs(steps - np.median(steps)))) * 1.4826) ** 2 / 2.0
    allowed = noise * _CHI_SQUARE * float((weight**2).sum())
    allowed += (_AS_GOOD - 1.0) * max(cost[best] - noise, 0.0)
    fit = after[usable & (cost <= cost[best] + allowed)]
    return Bend(float(after[best]), float(fit.min()), float(fit.max()))
