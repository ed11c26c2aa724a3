"""`forewarn score` on anyone's file: every file gives an answer or a ScoreError that says where."""

# ruff: noqa: PT017 - either outcome is right, and each is checked

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomaly import ScoreError, SettingsError
from anomaly.score import ScoreReport, score_csv

SLOW_OK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(path: Path, rows: int = 6000, *, fault: bool = True, delimiter: str = ",") -> Path:
    random = np.random.default_rng(4)
    values = random.normal(20, 0.5, (rows, 2))
    if fault:
        values[rows * 3 // 4 :, 1] += 5
    start = np.datetime64("2024-03-04T00:00:00")
    lines = [delimiter.join(["time", "inlet", "outlet"])]
    for index, (a, b) in enumerate(values):
        stamp = str(start + np.timedelta64(index * 10, "s")).replace("T", " ")
        lines.append(delimiter.join([stamp, f"{a:.3f}", f"{b:.3f}"]))
    path.write_text("\n".join(lines) + "\n")
    return path


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_scores_findings_and_plot(tmp_path: Path) -> None:
    told: list[float] = []
    report = score_csv(
        [write(tmp_path / "pump.csv")], out=tmp_path / "s.csv", findings=tmp_path / "f.json",
        plot=tmp_path / "p.svg", progress=lambda share, _: told.append(share),
    )  # fmt: skip
    rows = lines_of(tmp_path / "s.csv")
    assert list(rows[0]) == ["time", "device", "metric", "score", "alarm"]
    assert len(rows) == 6000 * 3
    assert rows[0]["time"] == "2024-03-04 00:00:00"
    assert {row["metric"] for row in rows} == {"", "inlet", "outlet"}
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    outlet = [row for row in rows if row["metric"] == "outlet"]
    assert {row["alarm"] for row in outlet[:4500]} == {"0"}
    assert outlet[-1]["alarm"] == "1"
    whole = [row for row in rows if not row["metric"]]
    assert {row["alarm"] for row in whole[:4500]} == {"0"}
    alarms = sum(row["alarm"] == "1" for row in whole)
    assert 0 < alarms <= 361, "the device's alarm is up for an hour at most"
    (finding,) = json.loads((tmp_path / "f.json").read_text())
    assert list(finding) == [
        "kind", "device", "metrics", "onset", "detected", "ended", "confidence", "severity",
        "evidence", "sentence", "forecast",
    ]  # fmt: skip
    assert (finding["kind"], finding["device"], finding["metrics"]) == (
        "level_shift",
        "pump",
        ["outlet"],
    )
    assert finding["onset"].startswith("2024-03-04T12:2")
    assert report.rows == 6000
    assert told == sorted(told)
    assert told[-1] == 1.0
    picture = (tmp_path / "p.svg").read_text()
    assert picture.count('id="usual-band"') == 2, "one band for each metric"


def test_the_picture_shows_no_band_before_there_is_one(tmp_path: Path) -> None:
    score_csv([write(tmp_path / "young.csv", rows=30)], plot=tmp_path / "p.svg")
    picture = (tmp_path / "p.svg").read_text()
    assert "usual-band" not in picture
    assert picture.startswith("<?xml")


def test_a_file_cut_short_gives_the_same_rows(tmp_path: Path) -> None:
    whole = write(tmp_path / "pump.csv")
    score_csv([whole], out=tmp_path / "whole.csv")
    text = whole.read_text().splitlines()[:5001]
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "pump.csv").write_text("\n".join(text) + "\n")
    score_csv([tmp_path / "cut" / "pump.csv"], out=tmp_path / "cut.csv")
    short = (tmp_path / "cut.csv").read_text()
    assert (tmp_path / "whole.csv").read_text().startswith(short)


def test_known_healthy_rows_are_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "pump.csv", rows=800)
    assert score_csv([path]).findings == []
    found = score_csv([path], commission_rows=400).findings
    assert {finding.metrics for finding in found} == {("outlet",)}
    assert {finding.kind for finding in found} == {"relation", "level_shift"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_gzip(tmp_path: Path, delimiter: str) -> None:
    plain = write(tmp_path / "a.csv", rows=300, delimiter=delimiter)
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    report = score_csv([plain, packed], out=tmp_path / "s.csv")
    assert report.devices == ["a", "b"]
    assert report.rows == 600


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01T00:00:00Z", "2024-01-01T00:00:10Z"],
        ["2024-01-01T00:00:00+02:00", "2024-01-01T00:00:10+02:00"],
        ["01.02.2024 10:00", "01.02.2024 10:01"],
        ["1700000000", "1700000010"],
        ["1700000000000", "1700000010000"],
        ["3", "4"],
    ],
)
def test_time_columns(tmp_path: Path, times: list[str]) -> None:
    path = tmp_path / "x.csv"
    path.write_text("time,v\n" + "".join(f"{time},{i}\n" for i, time in enumerate(times)))
    score_csv([path], out=tmp_path / "s.csv")
    assert [row["time"] for row in lines_of(tmp_path / "s.csv")][::2] == times


def test_rows_are_numbered_without_a_time(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    report = score_csv([path], out=tmp_path / "s.csv")
    assert [row["time"] for row in lines_of(tmp_path / "s.csv")] == ["0"] * 3 + ["1"] * 3
    assert not report.dated


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("time,v\n", "no rows"),
        ("time,v\nyesterday,1\n", "line 2"),
        ("time,v\n2024-01-01,1\nnever,2\n", "line 3"),
        ("time,name\n2024-01-01,bob\n", "no column holds numbers"),
        ("time\n2024-01-01\n", "no column besides the time"),
        ("v\n\n", "no rows"),
    ],
)
def test_useless_files_say_why(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(ScoreError, match=says):
        score_csv([path])


@pytest.mark.parametrize(
    "body",
    [
        "time,v\n2024-01-01,1\n",
        "time,v\n2024-01-01,nan\n",
        "time,v,w\n2024-01-02,inf,1\n2024-01-01,-inf,2\n2024-01-01,,3\n",
        "time,v,name\n2024-01-01,1,bob\n2024-01-02,2,eve\n",
        "time,v,v\n2024-01-01,1,1\n2024-01-02,x,2\n",
        "1,2,3\n4,5,6\n",
        "time,v\n" + "".join(f"{i},7\n" for i in range(500)),
    ],
)
def test_odd_files_are_scored(tmp_path: Path, body: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(body)
    try:
        report = score_csv([path], out=tmp_path / "s.csv")
    except ScoreError as error:
        assert "no column holds numbers" in str(error)
        return
    assert report.findings == []


@SLOW_OK
@given(data=st.text(alphabet=st.sampled_from('0123456789.,;\t\n-:T eE"naNxif'), max_size=300))
def test_any_text_gives_an_answer_or_score_error(tmp_path: Path, data: str) -> None:
    path = tmp_path / "any.csv"
    path.write_text(data)
    try:
        report = score_csv([path], out=tmp_path / "s.csv", findings=tmp_path / "f.json")
    except ScoreError as error:
        assert str(error).startswith("any.csv")
        return
    assert isinstance(report, ScoreReport)


@SLOW_OK
@given(data=st.binary(max_size=300), packed=st.booleans())
def test_any_bytes_give_an_answer_or_score_error(tmp_path: Path, data: bytes, packed: bool) -> None:
    path = tmp_path / ("any.csv.gz" if packed else "any.csv")
    path.write_bytes(data)
    try:
        score_csv([path], out=tmp_path / "s.csv")
    except ScoreError as error:
        assert str(error).startswith("any.csv")


def test_bad_arguments(tmp_path: Path) -> None:
    path = write(tmp_path / "pump.csv", rows=10)
    with pytest.raises(ScoreError, match="no file"):
        score_csv([])
    with pytest.raises(ScoreError, match="No such file"):
        score_csv([tmp_path / "gone.csv"])
    with pytest.raises(ScoreError, match="no column 'when'"):
        score_csv([path], time_column="when")
    with pytest.raises(ScoreError, match="commission_rows"):
        score_csv([path], commission_rows=0)
    with pytest.raises(SettingsError, match="false_alarms"):
        score_csv([path], false_alarms_per_day=-1)
    with pytest.raises(ScoreError, match=r"\.png or \.svg"):
        score_csv([path], plot=tmp_path / "p.gif")


def test_one_reading_per_line_scores_like_a_table(tmp_path: Path) -> None:
    wide = write(tmp_path / "pump.csv")
    score_csv([wide], out=tmp_path / "wide.csv")
    long = ["time,metric,value"]
    for row in lines_of(wide):
        long += [f"{row['time']},{name},{row[name]}" for name in ("inlet", "outlet")]
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "pump.csv").write_text("\n".join(long) + "\n")
    report = score_csv([tmp_path / "long" / "pump.csv"], out=tmp_path / "long.csv")
    assert report.devices == ["pump"]
    assert (tmp_path / "long.csv").read_text() == (tmp_path / "wide.csv").read_text()


def test_one_reading_per_line_of_several_devices_in_any_order(tmp_path: Path) -> None:
    lines = ["ts;device;metric;value"]
    for device in ("a", "b"):
        for metric in ("x", "y"):  # sorted by metric: y comes after all of x
            lines += [f"2024-01-01T00:{m:02d}:00;{device};{metric};{m}" for m in range(50)]
    lines.append("2024-01-01T00:50:00;a;x;broken")
    path = tmp_path / "long.csv"
    path.write_text("\n".join(lines))
    report = score_csv([path], out=tmp_path / "s.csv")
    assert report.devices == ["a", "b"]
    assert report.rows == 101
    rows = lines_of(tmp_path / "s.csv")
    assert {(row["device"], row["metric"]) for row in rows} == {
        (device, metric) for device in ("a", "b") for metric in ("", "x", "y")
    }
    assert any("1 cells hold no number" in note for note in report.notes)


def test_a_short_line_of_a_long_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("time,metric,value\n2024-01-01T00:00:00,x,1\n2024-01-01T00:01:00,x\n")
    with pytest.raises(ScoreError, match=r"long.csv: line 3: 2 cells, 3 needed"):
        score_csv([path])


@pytest.mark.parametrize(
    ("head", "between"), [("time  inlet outlet", "\t"), ("time inlet outlet", "   ")]
)
def test_numbers_between_spaces_and_tabs(tmp_path: Path, head: str, between: str) -> None:
    random = np.random.default_rng(4)
    rows = [(n * 10.0, *random.normal(20, 0.5, 2)) for n in range(3000)]
    text = "\n".join(between.join(f"{cell:.3f}" for cell in row) + " " for row in rows)
    file = tmp_path / "mote.txt"
    file.write_text(f"{head}\n{text}\n")
    report = score_csv([file], out=tmp_path / "s.csv")
    assert report.rows == 3000
    metrics = {row["metric"] for row in lines_of(tmp_path / "s.csv")}
    assert metrics == {"", "inlet", "outlet"}
    file.write_text("one word after another\nand no number\n")
    with pytest.raises(ScoreError, match="no column holds numbers"):
        score_csv([file])


def test_one_metric_alone_has_a_rhythm_to_lose(tmp_path: Path) -> None:
    hours = np.arange(40 * 24)
    swing = np.where(hours < 30 * 24, np.sin(hours * 2 * np.pi / 24), 0.0)
    values = 20.0 + 4.0 * swing + np.random.default_rng(2).normal(0, 0.2, len(hours))
    start = np.datetime64("2024-03-04T00:00:00")
    lines = [
        f"{start + np.timedelta64(int(h), 'h')},{v:.3f}" for h, v in zip(hours, values, strict=True)
    ]
    file = tmp_path / "room.csv"
    file.write_text("\n".join(["time,air [Cel]", *lines]) + "\n")
    assert "rhythm" in {finding.kind for finding in score_csv([file]).findings}
