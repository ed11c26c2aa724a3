"""Remaining life: learned from failing units, kept without pickle, honest about bad tables."""

from __future__ import annotations

import csv
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skops.io import dump

from anomaly import LifeError
from anomaly.fleet.life import fit, predict
from anomaly.fleet.life_features import Windows, unit_features
from anomaly.fleet.life_model import LifeModel, load
from anomaly.fleet.life_table import read_units


def fleet(
    path: Path, units: int = 24, *, cut: bool = False, seed: int = 1
) -> tuple[Path, list[float]]:
    """Units whose two sensors wear towards the end; `cut` stops each at a random age."""
    random = np.random.default_rng(seed)
    truth = []
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["engine", "cycle", "load", "heat", "hum", "serial"])
        for unit in range(units):
            life = int(random.integers(80, 160))
            end = int(random.integers(life // 2, life)) if cut else life
            truth.append(float(life - end))
            own = random.normal(0, 3, 2)
            for cycle in range(1, end + 1):
                wear = np.exp((cycle - life) / 25.0)
                load = random.integers(0, 2)
                writer.writerow(
                    [f"e{unit}", cycle, load * 10, own[0] + 10 * wear + 8 * load + random.normal(0, 0.4),
                     own[1] - 6 * wear + random.normal(0, 0.4), 7]
                )  # fmt: skip
    return path, truth


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("life")
    table, _ = fleet(home / "train.csv")
    fit(table, unit="engine", time="cycle", settings=["load"], out=home / "model.skops")
    return home / "model.skops"


def test_predicts_better_than_the_mean(trained: Path, tmp_path: Path) -> None:
    table, truth = fleet(tmp_path / "test.csv", cut=True, seed=2)
    rows = predict(table, model=trained, out=tmp_path / "life.csv")
    error = np.array([row[1] for row in rows]) - truth
    assert np.sqrt((error**2).mean()) < 0.7 * np.std(truth)
    inside = [low <= true <= high for (_, _, low, high), true in zip(rows, truth, strict=True)]
    assert np.mean(inside) >= 0.6
    assert all(0 <= low <= remaining <= high for _, remaining, low, high in rows)
    with (tmp_path / "life.csv").open() as stream:
        written = list(csv.DictReader(stream))
    assert list(written[0]) == ["unit", "remaining", "low", "high"]
    assert [row["unit"] for row in written] == [f"e{i}" for i in range(24)]


def test_same_seed_same_model(trained: Path, tmp_path: Path) -> None:
    table, _ = fleet(tmp_path / "train.csv")
    fit(table, unit="engine", time="cycle", settings=["load"], out=tmp_path / "again.skops")
    test, _ = fleet(tmp_path / "test.csv", units=4, cut=True, seed=3)
    first = predict(test, model=trained, out=tmp_path / "a.csv")
    assert predict(test, model=tmp_path / "again.skops", out=tmp_path / "b.csv") == first


def test_features_are_causal() -> None:
    values = np.random.default_rng(1).normal(0, 1, (60, 3))
    ages = np.arange(60.0)
    windows = Windows.for_life(60)
    whole = unit_features(values, ages, windows)
    for end in (1, 7, 30, 59):
        part = unit_features(values[:end], ages[:end], windows)
        np.testing.assert_allclose(part, whole[:end], atol=1e-9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("engine,cycle,x\n", "no rows"),
        ("engine,x\na,1\n", "no column 'cycle'"),
        ("engine,cycle,x\na,one,1\n", "line 2: column 'cycle'"),
        ("engine,cycle,x\na,1\n", "line 2 has 2 cells"),
        ("engine,cycle,x\na,1,b\n", "holds numbers"),
        ("engine,cycle,x\na,1,3\nb,1,3\n", "ever changes"),
        ("engine,cycle,x\na,1,1\na,2,2\n", "at least 2"),
    ],
)
def test_bad_tables_say_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(LifeError, match=says):
        fit(path, unit="engine", time="cycle", out=tmp_path / "m.skops")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200))
def test_no_bytes_are_trusted_as_a_model(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.skops").write_bytes(data)
    (tmp_path / "t.csv").write_text("engine,cycle,x\na,1,1\n")
    with pytest.raises(LifeError):
        predict(tmp_path / "t.csv", model=tmp_path / "m.skops", out=tmp_path / "o.csv")


def test_a_pickle_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.skops").write_bytes(pickle.dumps({"format": "forewarn-life-1"}))
    (tmp_path / "t.csv").write_text("engine,cycle,x\na,1,1\n")
    with pytest.raises(LifeError, match="not a model"):
        predict(tmp_path / "t.csv", model=tmp_path / "m.skops", out=tmp_path / "o.csv")


def test_a_table_without_the_models_columns(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("engine,cycle,x\na,1,1\n")
    with pytest.raises(LifeError, match="lacks columns"):
        predict(tmp_path / "t.csv", model=trained, out=tmp_path / "o.csv")


def test_a_setting_that_is_not_everywhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("engine,cycle,load,x\na,1,,1\na,2,5,2\nb,1,5,1\nb,2,5,3\n")
    for column, says in (("load", "'load' for a setting has rows"), ("lod", "no column 'lod'")):
        with pytest.raises(LifeError, match=says):
            fit(tmp_path / "t.csv", unit="engine", time="cycle", settings=[column],
                out=tmp_path / "m.skops")  # fmt: skip


@pytest.fixture(scope="module")
def model(trained: Path) -> LifeModel:
    return load(trained)


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.sampled_from([b"", b"engine,cycle,load,heat,hum\n"]))
def test_any_bytes_give_rows_or_the_error(
    model: LifeModel, tmp_path: Path, data: bytes, head: bytes
) -> None:
    (tmp_path / "t.csv").write_bytes(head + data)
    try:
        rows = model.predict(read_units(tmp_path / "t.csv", "engine", "cycle"))
    except LifeError:
        return
    assert all(0 <= low <= remaining <= high < np.inf for _, remaining, low, high in rows)


_CELL = st.sampled_from(["", "0", "1", "2.5", "-3", "nan", "inf", "1e308", "9e29", "1e-300", "x"])
_ROW = st.tuples(
    st.sampled_from("abc"), st.sampled_from(["1", "2", "3", "9", "1e300", "9e29"]), _CELL, _CELL
)


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_ROW, min_size=2, max_size=12))
def test_any_table_is_learned_from_or_refused(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    (tmp_path / "t.csv").write_text(
        "\n".join(",".join(row) for row in [("u", "t", "x", "y"), *rows])
    )
    try:
        fit(tmp_path / "t.csv", unit="u", time="t", out=tmp_path / "m.skops")
        found = predict(tmp_path / "t.csv", model=tmp_path / "m.skops", out=tmp_path / "o.csv")
    except LifeError:
        return
    assert {unit for unit, *_ in found} == {row[0] for row in rows}


@pytest.mark.parametrize("time", ["9e99", "1e31", "-1e40", "nan"])
def test_times_that_nothing_lasts_are_refused_with_their_line(tmp_path: Path, time: str) -> None:
    rows = [f"{unit},{at},{at % 3}" for unit in "abc" for at in range(9)]
    (tmp_path / "t.csv").write_text("\n".join(["u,t,x", *rows, f"c,{time},1"]))
    with pytest.raises(LifeError, match="line 29: column 't' is not a number"):
        fit(tmp_path / "t.csv", unit="u", time="t", out=tmp_path / "m.skops")


def cells(path: Path, ends: list[int], upto: int | None = None) -> Path:
    """Batteries that fade, each at a rate of its own, and are done at 1.4."""
    random = np.random.default_rng(4)
    with path.open("w") as stream:
        stream.write("cell;cycle;capacity;room\n")
        for number, end in enumerate(ends):
            for cycle in range(1, (upto or end) + 1):
                fade = 0.6 * (cycle / end) ** 1.1 + random.normal(0, 0.004)
                stream.write(f"c{number};{cycle};{2 - fade:.4f};{random.normal(20, 2):.2f}\n")
    return path


def test_few_units_that_end_at_one_value_are_forecast_to_it(tmp_path: Path) -> None:
    train = cells(tmp_path / "train.csv", [100, 130, 170])
    model = fit(train, unit="cell", time="cycle", out=tmp_path / "m.skops")
    assert model.by_limit is not None
    assert model.by_limit.reading == "capacity"
    assert model.by_limit.limit == pytest.approx(1.4, abs=0.02)
    test = cells(tmp_path / "test.csv", [110, 150], upto=60)
    found = predict(test, model=tmp_path / "m.skops", out=tmp_path / "o.csv")
    for (_, remaining, low, high), truth in zip(found, (50, 90), strict=True):
        assert abs(remaining - truth) < 0.1 * truth
        assert low < remaining < high, "how often it holds the truth: test_forecast"


def test_a_file_with_a_foreign_type_is_refused_by_name(tmp_path: Path) -> None:
    dump({"format": "forewarn-life-2", "unit": LifeError}, tmp_path / "m.skops")
    (tmp_path / "t.csv").write_text("engine,cycle,x\na,1,1\n")
    with pytest.raises(LifeError, match=r"no need of.*LifeError"):
        predict(tmp_path / "t.csv", model=tmp_path / "m.skops", out=tmp_path / "o.csv")
