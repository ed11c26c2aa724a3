"""State as bytes: any bytes are either a whole state or StateError."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import Engine, StateError


def some_state() -> bytes:
    engine = Engine()
    index = engine.series("d", "m", "A")
    engine.update(np.full(30, index, np.int32), np.arange(30.0), np.ones(30), 30.0)
    return engine.to_bytes()


STATE = some_state()


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(StateError):
        Engine.from_bytes(data)


@given(st.integers(0, len(STATE) - 1))
def test_cut_states_are_refused(length: int) -> None:
    with pytest.raises(StateError):
        Engine.from_bytes(STATE[:length])


@given(st.integers(0, 120), st.integers(0, 255))
def test_damaged_head_is_refused_or_read(place: int, value: int) -> None:
    damaged = bytearray(STATE)
    damaged[place] = value
    try:
        engine = Engine.from_bytes(bytes(damaged))
    except StateError:
        return
    assert len(engine.to_bytes()) > 0


def test_state_of_another_layout_is_refused() -> None:
    with pytest.raises(StateError, match="layout"):
        Engine.from_bytes(STATE.replace(b"v3.", b"v0.", 1))
