"""Packs to columns: the same as looking up each name by itself, whatever shapes the packs have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.telemetry.collect import SHAPES_KEPT, Collector
from server.telemetry.samples import SeriesKey

Record = tuple[str, str, float, float | bool]
_NAMES = st.sampled_from(["a", "b", "ab", "a/b", "c"])
_UNITS = st.sampled_from(["", "V", "A"])
_RECORDS = st.lists(
    st.tuples(_NAMES, _UNITS, st.floats(0, 1e9), st.one_of(st.booleans(), st.floats(-9, 9))),
    max_size=6,
)


def numbered(known: dict[tuple[SeriesKey, str], int], key: SeriesKey, unit: str) -> int:
    return known.setdefault((key, unit), len(known))


@given(st.lists(st.tuples(st.sampled_from(["d-1", "d-2"]), _RECORDS), max_size=2 * SHAPES_KEPT))
def test_like_one_by_one(packs: list[tuple[str, list[Record]]]) -> None:
    given_out: dict[tuple[SeriesKey, str], int] = {}
    collector = Collector(lambda key, unit: numbered(given_out, key, unit))
    for device_id, records in packs:
        columns = [list(column) for column in zip(*records, strict=True)] or [[], [], [], []]
        names, units, times_s, values = columns
        collector.add(device_id, names, units, times_s, values)  # type: ignore[arg-type]
    batch = collector.resolve(collector.take())
    flat = [(d, *record) for d, records in packs for record in records]
    assert batch.series.tolist() == [given_out[SeriesKey(d, n), u] for d, n, u, _, _ in flat]
    assert batch.times_s.tolist() == [t for _, _, _, t, _ in flat]
    assert batch.values.tolist() == [float(v) for *_, v in flat]
    assert (batch.series.dtype, batch.values.dtype) == (np.int32, np.float64)
    assert len(collector.resolve(collector.take())) == 0


def test_each_series_is_asked_for_once_and_batches_stay_apart() -> None:
    asked: list[SeriesKey] = []

    def register(key: SeriesKey, _unit: str) -> int:
        asked.append(key)
        return len(asked)

    collector = Collector(register)
    collector.add("d", ["a", "b"], ["V", "V"], [1.0, 2.0], [3.0, True])
    first = collector.resolve(collector.take())
    collector.add("d", ["b", "a"], ["V", "V"], [5.0, 6.0], [7.0, 8.0])
    second = collector.resolve(collector.take())
    assert asked == [SeriesKey("d", "a"), SeriesKey("d", "b")]
    assert (first.series.tolist(), first.values.tolist()) == ([1, 2], [3.0, 1.0])
    assert (second.series.tolist(), second.times_s.tolist()) == ([2, 1], [5.0, 6.0])


def test_columns_of_different_lengths_are_refused() -> None:
    collector = Collector(lambda _key, _unit: 1)
    with pytest.raises(ValueError, match="one length"):
        collector.add("d", ["a", "b"], ["", ""], [1.0], [1.0])
