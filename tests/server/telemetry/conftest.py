from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from server.telemetry.opening import open_remote
from server.telemetry.samples import SampleBatch
from server.telemetry.store import TelemetryStore
from tests.server.telemetry.victoria import VictoriaProcess

_numbers = itertools.count()


def make_batch(*samples: tuple[int, float, float]) -> SampleBatch:
    """Of (series, time_s, value)."""
    return SampleBatch(
        series=np.array([s for s, _, _ in samples], dtype=np.int32),
        times_s=np.array([t for _, t, _ in samples], dtype=np.float64),
        values=np.array([v for _, _, v in samples], dtype=np.float64),
    )


@pytest.fixture(scope="session")
def victoria(
    needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VictoriaProcess]:
    running = VictoriaProcess(needs("victoria-metrics"), tmp_path_factory.mktemp("victoria"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def open_victoria(victoria: VictoriaProcess) -> Callable[[], TelemetryStore]:
    """A store of its own at each call: another measurement of the one server."""
    return lambda: open_remote(f"{victoria.url}?measurement=test_{next(_numbers)}")
