"""What the compiled loop reads of the settings: a flat array and the names of its places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anomaly.settings import EngineSettings

Params = npt.NDArray[np.float64]

# fmt: off
(
    CAUTION, SETTLE_N, COMMISSION_N, COMMISSION_S, DEMAND_S, EXPERIENCED_S, PROFILE_S, RESTART_S,
    SILENCE_S, SILENCE_N, MARGIN, PERSIST_SHARE, PERSIST_LIMIT_S, PERSIST_EXPERIENCED_S,
    RATE_LIMIT, LIVE_S, PERSIST_LONGEST, BUDGET, DEBT,
    PACE_OF_S, PACE,
) = range(P_WIDTH := 21)
# fmt: on


def params_of(settings: EngineSettings) -> Params:
    """The settings, and the few constants that were chosen by measurement, in their places."""
    params = np.zeros(P_WIDTH)
    params[CAUTION] = settings.caution
    params[COMMISSION_N] = settings.commission_samples
    params[BUDGET] = settings.false_alarms_per_device_day
    params[SETTLE_N] = settings.settle_samples
    params[COMMISSION_S] = settings.commission_span_s
    params[DEMAND_S] = settings.demand_span_s
    params[EXPERIENCED_S] = settings.experienced_span_s
    params[PROFILE_S] = settings.profile_span_s
    params[RESTART_S] = settings.restart_gap_s
    params[SILENCE_S] = settings.silence_s
    params[SILENCE_N] = settings.silence_intervals
    params[LIVE_S] = settings.live_within_s
    params[MARGIN] = 0.75
    params[PERSIST_SHARE] = 0.25
    params[PERSIST_LIMIT_S] = 12 * 3600.0
    params[PERSIST_EXPERIENCED_S] = 3 * 3600.0
    params[PERSIST_LONGEST] = 1.5
    params[RATE_LIMIT] = 8.0
    params[DEBT] = 0.0
    return params
