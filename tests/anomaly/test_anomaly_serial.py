"""State as bytes: any bytes are either a whole state or StateError."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import Engine, StateError
from anomaly import state as col
from anomaly.serial import ROWS_A_PART
from anomaly.state import LAYOUT


def some_state() -> bytes:
    engine = Engine()
    index = engine.series("d", "m", "A")
    engine.update(np.full(30, index, np.int32), np.arange(30.0), np.ones(30), 30.0)
    return engine.to_bytes()


STATE = some_state()
SINGLE = """
LAST_T LAST_V FIRST_T SAMPLES SAMPLES_ALL INTERVAL MAX_GAP DEVICE NEXT LIMIT_LOW LIMIT_HIGH DEMAND
KNOWN HOLD MEAN MIN_V MAX_V STEP CHANGES RUN_T RUN_N MAX_RUN_N MAX_RUN_S OUT_N OUT_T OUT_LAST_T
OUT_WORST SPIKE_T SPIKE_N STUCK_OPEN RANGE_OPEN SPIKE_OPEN MISSING_OPEN MISSING_T PROFILE_READY
SCORE CAUTION VALUE_LOW VALUE_HIGH AWAY_LOW AWAY_HIGH REST_LOW REST_HIGH REST_SLOW VALUE_SLOW
VISITED RECENT VALUE_TEN STEP_SQUARE CENTRE SPREAD_SQUARE MOTION RUN_AWAY RUN_SQUARE RUN_CENTRE
RUN_SCALE RUN_SHARE MAX_STEP JUMP_SIZE JUMP_FROM JUMP_T JUMP_OPEN H_BLOCK H_N H_SUM H_STEPS H_SIX
FIRST_LOW_MIN FIRST_LOW_MAX FIRST_HIGH_MIN FIRST_HIGH_MAX FIRST_CALM FIRST_INTERVAL FIRST_N UP_T
DOWN_T DAY_RUN DAY_OPEN CALM_T CALM_RUN CALM_OPEN SPIKE_LENGTH COUNTER RISES COUNT_LAST RESET_T
RESET_FROM_T RESET_RUN RESET_SLOW RESET_OPEN EV_BLOCK EV_N EV_FROM_T EV_MOST EV_BLOCKS EV_OPEN
"""  # columns of a row that stand by themselves


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
        Engine.from_bytes(STATE.replace(LAYOUT.encode(), b"v0" + LAYOUT.encode()[2:], 1))


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


def test_every_place_of_a_row_has_one_name() -> None:
    tables = {"DAY": col.DAY_BINS, "BINS": col.PROFILE_BINS, "H_LOW": 5, "H_HIGH": 5, "H_CALM": 3}
    alone = SINGLE.split()
    places = [getattr(col, name) for name in alone]
    for name, width in tables.items():
        places += range(getattr(col, name), getattr(col, name) + width)
    for base in (col.LEVEL, col.PROFILE, col.NOISE_JUDGE):
        places += range(base, base + col.JUDGE_WIDTH, col.JUDGES)
    assert sorted(places) == list(range(col.WIDTH))
