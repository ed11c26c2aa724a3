"""Failure within a horizon, calibrated; versions that replace one another only where they are better."""

from __future__ import annotations

import contextlib
import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomaly import LifeError
from anomaly.fleet import failure, life
from anomaly.fleet.failure_model import FailureModel
from anomaly.fleet.shelf import CURRENT, Shelf

HORIZON = 30.0
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def fleet(path: Path, units: int, *, seed: int, live_on: float = 0.0, noise: float = 0.6) -> Path:
    """Units that wear out; of a share `live_on` the end is not seen. `dead` says which failed."""
    random = np.random.default_rng(seed)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["pump", "day", "heat", "hum", "dead"])
        for unit in range(units):
            days = int(random.integers(80, 160))
            lives = random.random() < live_on
            end = int(random.integers(20, days - 5)) if lives else days
            for day in range(1, end + 1):
                wear = np.exp((day - days) / 25.0)
                heat = 40 + 10 * wear + random.normal(0, noise)
                writer.writerow(
                    [
                        f"p{unit}",
                        day,
                        f"{heat:.3f}",
                        f"{random.normal(0, 1):.3f}",
                        0 if lives else 1,
                    ]
                )
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("failure")


@pytest.fixture(scope="module")
def model(home: Path) -> FailureModel:
    train = fleet(home / "train.csv", 40, seed=1, live_on=0.4)
    return failure.fit(
        train, unit="pump", time="day", within=HORIZON, failed="dead", out=home / "f.skops"
    )


def test_it_is_better_than_the_mean_on_units_held_out(model: FailureModel) -> None:
    assert model.brier < 0.5 * model.base_brier
    assert "dead" not in model.scaling.readings


def test_what_is_told_comes_true_about_as_often(
    model: FailureModel, home: Path, tmp_path: Path
) -> None:
    random, told, came = np.random.default_rng(5), [], []
    whole = fleet(tmp_path / "whole.csv", 150, seed=2)
    with whole.open() as stream:
        rows = list(csv.DictReader(stream))
    lives = {row["pump"]: int(row["day"]) for row in rows}
    cut = {pump: int(random.integers(days // 3, days)) for pump, days in lives.items()}
    with (tmp_path / "cut.csv").open("w") as stream:
        stream.write("pump,day,heat,hum\n")
        stream.writelines(
            f"{r['pump']},{r['day']},{r['heat']},{r['hum']}\n"
            for r in rows
            if int(r["day"]) <= cut[r["pump"]]
        )
    for pump, probability in failure.predict(
        tmp_path / "cut.csv", model=home / "f.skops", out=tmp_path / "o.csv"
    ):
        told.append(probability)
        came.append(lives[pump] - cut[pump] <= HORIZON)
    assert abs(np.mean(told) - np.mean(came)) < 0.1
    high, low = np.array(told) > 0.5, np.array(told) < 0.2
    assert np.mean(np.array(came)[high]) > 0.6
    assert np.mean(np.array(came)[low]) < 0.25
    assert (tmp_path / "o.csv").read_text().startswith("unit,probability\np0,")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"failed": "ded"}, "no column 'ded'"),
        ({"failed": "heat"}, "'heat' must hold 0 and 1"),
        ({"within": 0.0}, "horizon must be above 0"),
        ({"within": 1e9}, "almost every row"),
        ({"settings": ["load"]}, "no column 'load'"),
        ({"unit": "pomp"}, "no column 'pomp'"),
    ],
)
def test_bad_wishes_say_what_is_wrong(home: Path, tmp_path: Path, more: dict, says: str) -> None:
    train = fleet(tmp_path / "t.csv", 8, seed=1)
    wish = {"unit": "pump", "time": "day", "within": HORIZON, "out": tmp_path / "m"} | more
    with pytest.raises(LifeError, match=says):
        failure.fit(train, **wish)


def test_too_few_failures_are_not_learned_from(tmp_path: Path) -> None:
    train = fleet(tmp_path / "t.csv", 6, seed=1, live_on=1.0)
    with pytest.raises(LifeError, match="0 units failed; at least 4"):
        failure.fit(train, unit="pump", time="day", within=30, failed="dead", out=tmp_path / "m")


def test_a_life_model_is_no_failure_model(model: FailureModel, home: Path, tmp_path: Path) -> None:
    with pytest.raises(LifeError, match="not a model of this kind"):
        life.predict(home / "train.csv", model=home / "f.skops", out=tmp_path / "o.csv")


def test_only_a_better_version_is_used_and_any_can_be_again(
    model: FailureModel, home: Path, tmp_path: Path
) -> None:
    since = fleet(tmp_path / "since.csv", 12, seed=9)
    poor_train = fleet(tmp_path / "poor.csv", 8, seed=3, noise=9.0)
    poor = tmp_path / "poor.skops"
    failure.fit(poor_train, unit="pump", time="day", within=HORIZON, out=poor)
    shelf = Shelf(tmp_path / "shelf")
    assert shelf.versions() == []
    first = shelf.offer(poor, since, now=NOW)
    better = shelf.offer(home / "f.skops", since, now=NOW)
    worse = shelf.offer(poor, since, now=NOW)
    assert [v.taken for v in (first, better, worse)] == [True, True, False]
    assert better.current_error == first.error
    assert better.error < first.error
    assert shelf.current() == 2
    used = tmp_path / "shelf" / CURRENT
    assert used.read_bytes() == (home / "f.skops").read_bytes()
    shelf.revert(1)
    assert used.read_bytes() == poor.read_bytes()
    assert Shelf(tmp_path / "shelf").current() == 1
    assert len(shelf.versions()) == 3
    with pytest.raises(LifeError, match="no version 4"):
        shelf.revert(4)
    other = tmp_path / "other.skops"
    failure.fit(poor_train, unit="pump", time="day", within=10, out=other)
    with pytest.raises(LifeError, match="different horizons"):
        shelf.offer(other, since, now=NOW)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["current", "versions", "number"]), inner)
            ),
            max_leaves=6,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_index_is_read_or_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "shelf.json").write_bytes(data)
    with contextlib.suppress(LifeError):
        assert Shelf(tmp_path).versions() == []


def test_a_shelf_that_cannot_be_written_says_so(
    home: Path, model: FailureModel, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    since = fleet(tmp_path / "since.csv", 4, seed=9)
    with pytest.raises(LifeError, match="file"):
        Shelf(tmp_path / "file").offer(home / "f.skops", since, now=NOW)
