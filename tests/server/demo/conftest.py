"""A fixed moment for the simulated fleet: the demo itself takes the clock's."""

import pytest


@pytest.fixture(scope="session")
def ready_s() -> float:
    return 1_763_760_000.0  # 2025-11-21 21:20 UTC
