"""A like unit's course as the forecast of this one's: the same way, gone at a speed of its own.

Units of one kind (cells, brake pads, filters) bend alike but live differently long. The analogue's time is
stretched by the one factor that best fits what this unit has shown, its newest quarter above all, and what
the analogue did from there on tells how fast this unit will go on.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_FACTORS: Final = np.exp(
    np.linspace(-1.1, 1.1, 89)
)  # from a third of the analogue's speed to three times
_REACH: Final = 0.25  # time constant of what the fit is about, as a share of the history
_DOUBT: Final = 0.1  # a factor of e costs as much as being off by so much of the whole way
_SMOOTH: Final = 9  # samples of the median that an analogue is read through
_LEAST_SHARE: Final = 0.25  # of the gap that an analogue must have been seen to go


def rate_of_analogue(
    analogue: tuple[Floats, Floats], ages: Floats, values: Floats, level: float, gap: float
) -> float | None:
    """How fast a unit goes over the `gap` before it if it does as the analogue did, per unit of time.

    analogue : its times (m,) and values (m,), from its beginning on, rising towards the limit
    ages, values : of this unit since its beginning, (n,), in the same direction
    level : where it stands now; `gap` above it is the limit

    None where the analogue was not seen to go far enough beyond the place.
    """
    smooth = np.maximum.accumulate(_smoothed(analogue[1]))
    known = analogue[0] - analogue[0][0]
    factor = _stretch(known, smooth, ages, values, gap + level - float(np.median(values[:4])))
    place = float(ages[-1]) / factor
    here = float(np.interp(place, known, smooth))
    later = np.flatnonzero(known > place)
    if len(later) == 0:
        return None
    done = later[smooth[later] >= here + gap]
    end = int(done[0]) if len(done) else len(known) - 1
    gone = float(smooth[end]) - here
    if gone <= 0.0 or gone < _LEAST_SHARE * gap:
        return None
    return gone / (factor * float(known[end] - place))


def _stretch(known: Floats, smooth: Floats, ages: Floats, values: Floats, way: float) -> float:
    """By how much longer than the analogue's the unit's time is."""
    weight = np.exp((ages - ages[-1]) / (_REACH * ages[-1]))
    told = np.interp(ages[None, :] / _FACTORS[:, None], known, smooth)
    off = (values - told) ** 2 @ (weight / weight.sum())
    return float(_FACTORS[np.argmin(off + (_DOUBT * way * np.log(_FACTORS)) ** 2)])


def _smoothed(values: Floats) -> Floats:
    half = _SMOOTH // 2
    return np.array(
        [np.median(values[max(0, at - half) : at + half + 1]) for at in range(len(values))]
    )
