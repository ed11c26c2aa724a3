"""Synthetic devices for the detector's tests: seeded, with a day, noise and faults on request."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from anomaly import Engine, EngineSettings, Finding

T0 = 1_700_000_000.0
DAY_S = 86400.0


@pytest.fixture
def t0() -> float:
    return T0


@pytest.fixture
def quick() -> EngineSettings:
    """A short first commissioning, so that small data are judged."""
    return EngineSettings(settle_samples=120, commission_samples=400, commission_span_s=3600.0)


@pytest.fixture
def signal() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Times and values of one series: level, noise, and a daily wave of the given height."""

    def make(
        count: int, step_s: float = 10.0, level: float = 20.0, noise: float = 0.5,
        daily: float = 0.0, seed: int = 1,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        times = T0 + np.arange(count) * step_s
        wave = daily * np.sin(2 * np.pi * times / DAY_S)
        return times, level + wave + np.random.default_rng(seed).normal(0, noise, count)

    return make


@pytest.fixture
def run() -> Callable[..., list[Finding]]:
    """Feed one series and return everything said about it."""

    def play(
        engine: Engine, times: np.ndarray, values: np.ndarray, metric: str = "pump/current",
        unit: str = "A", device: str = "pump-1",
    ) -> list[Finding]:  # fmt: skip
        series = engine.series(device, metric, unit)
        index = np.full(len(times), series, np.int32)
        return engine.update(index, times, values, float(times[-1]))

    return play
