"""Tables as programs of all countries write them: the same readings come out of each form."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import ScoreError
from anomaly.csv_cells import number_of, numbers_of
from anomaly.csv_dates import LocalDates
from anomaly.csv_long import tables_of
from anomaly.csv_table import CsvTable, open_csv
from anomaly.fleet.life_table import read_units
from anomaly.limits import guess_unit
from anomaly.score import score_csv
from anomaly.score_samples import is_flag

START = datetime(2026, 2, 2, tzinfo=UTC)
TIMES = [START + timedelta(hours=7 * i) for i in range(40)]
VALUES = [(20 + i / 8, 1000.5 - i) for i in range(40)]


def text_of(form: str, *, delimiter: str = ",", comma: bool = False, header: bool = True) -> str:
    lines = [delimiter.join(["when", "Temp [°C]", "pressure"])] if header else []
    for at, values in zip(TIMES, VALUES, strict=True):
        cells = [f"{value:.3f}".replace(".", "," if comma else ".") for value in values]
        lines.append(delimiter.join([at.strftime(form), *cells]))
    return "\n".join(lines) + "\n"


def read(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    with open_csv(path) as table:
        chunks = list(table.chunks)
    return (
        table.metrics,
        np.concatenate([chunk.times_s for chunk in chunks]),
        np.vstack([chunk.values for chunk in chunks]),
    )


def assert_same(path: Path, names: tuple[str, str] = ("Temp [°C]", "pressure")) -> None:
    metrics, times, values = read(path)
    assert tuple(metrics) == names
    assert times.tolist() == [at.timestamp() for at in TIMES]
    assert values.tolist() == [list(pair) for pair in VALUES]


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y %H:%M:%S", "%d.%m.%y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S.000",
        "%m/%d/%Y %I:%M:%S %p", "%d-%m-%Y %H:%M:%S", "%Y/%m/%d %H:%M", "%d-%b-%Y %H:%M:%S", "%m/%d/%y, %I:%M %p",
        "%d/%m/%Y %H:%M:%S +00:00", "%Y-%m-%d %H.%M.%S",
    ],
)  # fmt: skip
def test_times_are_read_as_they_are_written(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text_of(form, delimiter=";"))
    assert_same(path)


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"])
@pytest.mark.parametrize("rows", [12, 40])
def test_day_and_month_are_told_apart_even_where_both_would_do(form: str, rows: int) -> None:
    cells = [at.strftime(form) for at in TIMES[:rows]]  # of 12 rows no day is above 12
    times = LocalDates(cells).read(cells)
    assert times.tolist() == [at.timestamp() for at in TIMES[:rows]]


def test_a_day_that_the_order_has_no_place_for_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("when,a\n01/02/2026 10:00,1\n02/02/2026 10:00,2\n31/31/2026 10:00,3\n")
    with pytest.raises(ScoreError, match=r"line 4: '31/31/2026 10:00' is not a time"):
        read(path)


def test_decimal_commas_and_encodings(tmp_path: Path) -> None:
    german = text_of("%d.%m.%Y %H:%M:%S", delimiter=";", comma=True)
    for encoding in ("utf-8-sig", "cp1252", "utf-16"):
        path = tmp_path / f"{encoding}.csv"
        path.write_bytes(german.replace("\n", "\r\n").encode(encoding))
        assert_same(path)
    packed = tmp_path / "packed-without-saying-so.csv"
    packed.write_bytes(gzip.compress(german.encode()))
    assert_same(packed)


@given(st.floats(-1e9, 1e9).map(lambda x: round(x, 3)))
def test_a_number_is_read_in_each_spelling(number: float) -> None:
    grouped = f"{number:,.3f}"
    german = grouped.translate(str.maketrans(",.", ".,"))
    assert number_of(german, commas=True) == number
    assert number_of(grouped) == number
    plain = [f"{number:.3f}".replace(".", ","), "n/a", german]
    assert numbers_of(plain, commas=True)[[0, 2]].tolist() == [number, number]


@given(st.text(max_size=12), st.booleans())
def test_any_cell_is_a_number_or_none(cell: str, commas: bool) -> None:
    assert numbers_of([cell, "1"], commas=commas)[1] == 1.0


def test_a_date_and_a_clock_beside_it_are_one_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text_of("%d/%m/%Y,%H:%M:%S").replace("when", "Date,Time", 1))
    assert_same(path)
    path.write_text("time,a\n10:00:00,1\n10:00:05,2\n")
    with pytest.raises(ScoreError, match="a time of day without a date"):
        read(path)


def test_without_a_header_the_first_row_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text_of("%Y-%m-%d %H:%M:%S", header=False))
    assert_same(path, ("column2", "column3"))


@pytest.mark.parametrize("before", ["# from the logger\n# of cell 7\n", "sep=;\n"])
def test_remarks_before_the_header(tmp_path: Path, before: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(before + text_of("%Y-%m-%d %H:%M:%S", delimiter=";"))
    assert_same(path)


def test_a_column_that_begins_with_words_for_nothing_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"2026-02-02 00:00:{i:02d},{i},door {i}\n" for i in range(10, 60))
    path.write_text(
        "time,a,b\n2026-02-02 00:00:00,warming up,x\n2026-02-02 00:00:01,#N/A,x\n" + rows
    )
    with open_csv(path) as table:
        (chunk,) = list(table.chunks)
    assert np.isfinite(chunk.values).sum(axis=0).tolist() == [50, 0]
    assert table.text_columns == {"b"}


def cut(path: Path) -> dict[str, CsvTable]:
    return dict(tables_of(path, "file"))


def test_a_column_of_devices_cuts_a_wide_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [
        f"{at:%Y-%m-%d %H:%M},room-{k},{k + i}" for i, at in enumerate(TIMES) for k in range(3)
    ]
    path.write_text("time,device,temp\n" + "\n".join(lines) + "\n")
    tables = cut(path)
    assert list(tables) == ["room-0", "room-1", "room-2"]
    (chunk,) = list(tables["room-2"].chunks)
    assert chunk.values[:, 0].tolist() == [2.0 + i for i in range(40)]
    assert chunk.times_s.tolist() == [at.timestamp() for at in TIMES]
    assert tables["room-2"].metrics == ["temp"]


def test_long_tables_of_home_assistant_and_influx(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "entity_id,state,last_changed\n"
        "sensor.cellar,unavailable,2026-02-02T00:00:00.000Z\nbinary_sensor.door,on,2026-02-02T00:00:01.000Z\n"
        "sensor.cellar,20.5,2026-02-02T00:00:02.000Z\n"
    )
    table = cut(path)["file"]
    (chunk,) = list(table.chunks)
    assert table.metrics == ["sensor.cellar", "binary_sensor.door"]
    assert np.nan_to_num(chunk.values, nan=-1).tolist() == [[-1, -1], [-1, 1], [20.5, -1]]
    path.write_text(
        "#group,false,false,true,true\n#datatype,string,long,dateTime,double,string\n#default,_result,,,,\n"
        ",result,table,_time,_value,_field\n,,0,2026-02-02T00:00:00Z,20.5,temp\n"
    )
    table = cut(path)["file"]
    (chunk,) = list(table.chunks)
    assert (table.metrics, chunk.values.tolist()) == (["temp"], [[20.5]])


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("temp_f", "°F"), ("Temperature (F)", "°F"), ("temp_celsius", "Cel"), ("Temp °C", "Cel"), ("oil_temp_k", ""),
        ("supply_volts", "V"), ("pressure_hPa", "hPa"), ("phase_a", ""), ("capacity (F)", "F"), ("coolant_celsius", "Cel"),
    ],
)  # fmt: skip
def test_units_by_name(name: str, unit: str) -> None:
    assert guess_unit(name, 70.0) == unit


def test_what_is_no_table_is_refused_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ScoreError, match=r"a\.csv: this is a spreadsheet or archive"):
        open_csv(path)


def test_a_table_of_units_is_read_with_commas_and_any_encoding(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_bytes("Gerät;Zyklus;Stärke\r\na;1;1,5\r\na;2;1.002,25\r\n".encode("utf-16"))
    table = read_units(path, "Gerät", "Zyklus")
    assert (table.names, table.values.tolist()) == (["Stärke"], [[1.5], [1002.25]])


def test_the_bar_goes_on_while_a_long_file_is_read_and_scored(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"{i},d{k},a,{i % 7}" for i in range(300) for k in range(4)]
    path.write_text("time,device,metric,value\n" + "\n".join(lines) + "\n")
    told: list[float] = []
    score_csv([path], progress=lambda share, _: told.append(share))
    assert told == sorted(told)
    assert told[0] == 0.5
    assert {0.625, 0.75, 0.875, 1.0} <= set(told)


def test_where_nothing_can_be_written_is_said_before_anything_is_read(tmp_path: Path) -> None:
    nowhere, absent = tmp_path / "nowhere" / "x.png", [tmp_path / "absent.csv"]
    with pytest.raises(ScoreError, match="nowhere"):
        score_csv(absent, findings=nowhere)
    with pytest.raises(ScoreError, match="nowhere"):
        score_csv(absent, plot=nowhere)
    with pytest.raises(ScoreError, match="nowhere"):
        score_csv(absent, out=nowhere)
    with pytest.raises(ScoreError, match=r"x\.jpg: a plot is \.png or \.svg"):
        score_csv(absent, plot=tmp_path / "x.jpg")


def test_a_header_without_a_name_for_the_rows_and_rows_of_odd_lengths(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n2026-02-02 00:00:00,1,2\n2026-02-02 00:00:01,3,4\n")
    assert read(path)[0] == ["a", "b"]
    path.write_text(",a,b\n0.0,1,2\n0.5,3,4\n1.0,5,6\n")
    metrics, times, _ = read(path)
    assert (metrics, times.tolist()) == (["a", "b"], [0.0, 0.5, 1.0]), "an index is a time"
    path.write_text("time,a,b\n1,1,2\n2,3\n3,4,5,6\n4,5,6,\n")
    with open_csv(path) as table:
        (chunk,) = list(table.chunks)
    assert np.nan_to_num(chunk.values, nan=-1).tolist() == [[1, 2], [3, -1], [4, 5], [5, 6]]
    assert table.odd_rows == 2


def test_what_is_on_and_off_is_a_measure_of_use() -> None:
    numbers = np.where(np.arange(64) % 3 == 0, 1.0, 0.0)
    assert is_flag(numbers)
    assert not is_flag(np.zeros(64))
    assert not is_flag(numbers[:40])
    assert not is_flag(np.arange(64.0) % 3.0)
