"""When a whole device has gone quiet: a table of what its link last said, and one rule of time.

Only devices whose data were live can fall silent: a replayed month ends without an alarm. Both
ends of the comparison are arrival times, so a device's wrong clock does not matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anomaly import state as col
from anomaly.finding import Finding, finding_id
from anomaly.sentences import silence_sentence
from anomaly.settings import EngineSettings
from anomaly.state import Table

# What a device's state message means for silence.
LINK_OF_REASON: dict[str, float] = {"shutdown": col.LINK_SHUTDOWN, "will": col.LINK_LOST}

# How much of the usual patience each state of the link leaves; None: never silent.
PATIENCE: dict[float, float | None] = {
    col.LINK_UNKNOWN: 1.0,
    col.LINK_ONLINE: 1.0,
    col.LINK_LOST: 0.25,
    col.LINK_SHUTDOWN: None,
}


def link_state(*, online: bool, reason: str) -> float:
    """The state of the link that a birth, will or shutdown message stands for."""
    return col.LINK_ONLINE if online else LINK_OF_REASON.get(reason, col.LINK_LOST)


def not_later_than(now_s: float, devices: Table) -> None:
    """The clock of arrivals was set back: nobody is taken to be heard in times to come."""
    arrived = devices[:, col.D_ARRIVED]
    np.minimum(arrived, now_s, out=arrived)


def patience_s(device: Table, interval_s: float, settings: EngineSettings) -> float | None:
    """Seconds of quiet that pass before the device is called silent; None for never."""
    share = PATIENCE[float(device[col.D_LINK])]
    if share is None or device[col.D_LIVE] == 0.0:
        return None
    patience = max(settings.silence_s, settings.silence_intervals * interval_s) * share
    return max(patience, 3.0 * interval_s)


def may_be_silent(
    devices: Table, now_s: float, listening_s: float, settings: EngineSettings
) -> npt.NDArray[np.int64]:
    """Rows of the devices that could be silent by now; of the others `patience_s` need not be asked."""
    least_s = settings.silence_s * min(share for share in PATIENCE.values() if share is not None)
    arrived = devices[:, col.D_ARRIVED]
    listens = (
        (devices[:, col.D_SILENT] == 0.0) & (devices[:, col.D_LIVE] != 0.0) & np.isfinite(arrived)
    )
    return np.flatnonzero(listens & (now_s - np.maximum(arrived, listening_s) > least_s))


def silence_finding(device: Table, name: str, interval_s: float, now_s: float) -> Finding:
    """The device as a whole fell silent after its last sample; marks it as such."""
    onset_s = float(device[col.D_LAST_T])
    device[col.D_SILENT] = 1.0
    device[col.D_SILENT_T] = onset_s
    lost = device[col.D_LINK] == col.LINK_LOST
    quiet_s = now_s - float(device[col.D_ARRIVED])
    return Finding(
        id=finding_id(name, "silence", (), onset_s),
        kind="silence",
        device=name,
        metrics=(),
        onset_s=onset_s,
        detected_s=now_s,
        ended_s=None,
        confidence=0.95 if lost else 0.9,
        severity=0.8,
        evidence={
            "silent_for_s": round(quiet_s, 3),
            "usual_interval_s": round(interval_s, 3),
            "link": "lost" if lost else "unknown",
            "compared_to": "its own usual interval",
        },
        sentence=silence_sentence(interval_s, onset_s, now_s, lost=lost),
    )
