"""Detection of device degradation: arrays in, findings out.

No I/O except its command line, no wall clock, nothing random; scikit-learn only under `fleet`.
Importing this package imports neither numba nor scikit-learn.
"""

from __future__ import annotations

from anomaly.engine import Engine, warm_up
from anomaly.errors import (
    AnomalyError,
    LifeError,
    SamplesError,
    ScoreError,
    SettingsError,
    StateError,
)
from anomaly.finding import KINDS, Baseline, Finding, Kind
from anomaly.settings import EngineSettings

__all__ = [
    "KINDS",
    "AnomalyError",
    "Baseline",
    "Engine",
    "EngineSettings",
    "Finding",
    "Kind",
    "LifeError",
    "SamplesError",
    "ScoreError",
    "SettingsError",
    "StateError",
    "warm_up",
]
