"""`forewarn tune`: what it prints, what it changes, how it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest
from click.testing import Result

from server.kit.data_directory import DataDirectory
from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey

Forewarn = Callable[..., Result]


@pytest.fixture
def pump(forewarn: Forewarn) -> str:
    assert forewarn("device", "add", "pump-1", "--model", "Pump P").exit_code == 0
    return "pump p"


def test_from_nothing_to_set_reverted_and_automatic(forewarn: Forewarn, pump: str) -> None:
    assert "settings" in forewarn("tune", "list").stdout
    assert "never tuned" in forewarn("tune", "show", pump).stderr
    assert (
        "caution 1.5 from hand, version 1"
        in forewarn("tune", "set", pump, "--caution", "1.5").stderr
    )
    assert "version 2" in forewarn("tune", "revert", pump, "--to", "0").stderr
    assert "caution 1 from labels, version 3" in forewarn("tune", "auto", pump).stderr
    shown = forewarn("tune", "show", pump)
    assert "revert to 0" in shown.stdout
    assert "command line" in shown.stdout
    assert "no labels yet" in shown.stderr


def test_without_devices_it_says_so(forewarn: Forewarn) -> None:
    assert "no devices yet" in forewarn("tune", "list").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "pump p", "--caution", "9"), "caution: must be 0.5..2"),
        (("set", "toaster", "--caution", "1"), "no device is of the model 'toaster'"),
        (("revert", "pump p", "--to", "7"), "has no version 7"),
        (("forget", "job:3"), "no label from 'job:3'"),
        (("replay", "toaster", "--caution", "1"), "no device is of the model 'toaster'"),
        (("replay", "pump p", "--caution", "9"), "caution must be 0.5..2"),
        (("replay", "pump p", "--caution", "1", "--days", "0"), "days: must be above 0"),
    ],
)
def test_bad_wishes_end_with_two_and_the_reason(
    forewarn: Forewarn, pump: str, arguments: tuple[str, ...], said: str
) -> None:
    result = forewarn("tune", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def _history(data_dir: Path) -> None:
    count, end_s = 30 * 288, time.time()
    times = end_s - 300.0 * np.arange(count, 0, -1)
    values = 8 + 0.2 * np.random.default_rng(2).standard_normal(count)
    values[-8 * 288 :] += 2.0
    store = DuckDbTelemetryStore(DataDirectory(data_dir).telemetry_file)
    series = store.series_id(SeriesKey("pump-1", "pump/current"), "A")
    batch = SampleBatch(np.full(count, series, np.int32), times, values)
    store.append(batch, stream="s", position=1)
    store.close()


def test_replay_puts_two_cautions_side_by_side(
    forewarn: Forewarn, pump: str, data_dir: Path
) -> None:
    _history(data_dir)
    shown = forewarn("tune", "replay", pump, "--caution", "2", "--days", "12").stdout
    assert "caution 1 " in shown
    assert "caution 2" in shown
    assert "1 of 1" in shown


def test_replay_says_that_a_running_server_has_the_file(
    forewarn: Forewarn, pump: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_args: object, **_more: object) -> None:
        raise duckdb.IOException("Could not set lock on file")

    monkeypatch.setattr(duckdb, "connect", taken)
    result = forewarn("tune", "replay", pump, "--caution", "2")
    assert result.exit_code == 2
    assert "a running server has the telemetry open" in result.stderr
