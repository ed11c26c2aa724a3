"""The package's face: what it exports, and that importing it stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import anomaly


def test_exports_are_complete() -> None:
    assert len(set(anomaly.__all__)) == len(anomaly.__all__)
    public = {
        name
        for name, thing in vars(anomaly).items()
        if getattr(thing, "__module__", "").startswith("anomaly") and not name.startswith("_")
    }
    assert public <= set(anomaly.__all__) <= set(vars(anomaly))


def test_import_is_light() -> None:
    code = (
        "import sys, anomaly, anomaly.score, anomaly.fleet.life;"
        "print([n for n in ('numba', 'sklearn', 'matplotlib', 'pandas', 'server') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_root_error_is_abstract() -> None:
    with pytest.raises(TypeError):
        raise anomaly.AnomalyError("x")
    assert issubclass(anomaly.LifeError, anomaly.ScoreError)
