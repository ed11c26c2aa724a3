"""State as bytes: any bytes are either a whole state or StateError."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import Engine, StateError
from anomaly.serial import ROWS_A_PART


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
        Engine.from_bytes(STATE.replace(b"v5.", b"v0.", 1))


def test_parts_are_the_bytes_and_change_only_where_the_state_did() -> None:
    engine = Engine()
    series = np.array([engine.series(f"d{n // 4}", f"m{n % 4}") for n in range(400)], np.int32)
    ones = np.ones(len(series))
    engine.update(series, ones, ones, 1.0)
    before = [bytes(part) for part in engine.to_parts()]
    assert b"".join(before) == engine.to_bytes()
    assert Engine.from_bytes(b"".join(before)).to_bytes() == engine.to_bytes()
    engine.update(series[130:131], ones[:1] + 1, ones[:1], 2.0)
    after = [bytes(part) for part in engine.to_parts()]
    changed = [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    # After a header and two pieces of text: the series' rows, then those of their devices.
    assert changed == [3 + 130 // ROWS_A_PART, 3 + 400 // ROWS_A_PART + 32 // ROWS_A_PART]
