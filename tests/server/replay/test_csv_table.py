"""Reading CSVs as they are found in the world."""

import csv
import io
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agent.wire.text import check_metric
from server.replay import ReplayError, TableOptions, open_table
from server.replay.table import Table
from server.replay.wire_names import wire_names

File = Callable[..., Path]
NOON_S = 1_700_049_600.0  # 2023-11-15 12:00 UTC


def values(table: Table) -> list[tuple[float, list[float | bool | None]]]:
    return [(row.time_s, row.values) for row in table.rows()]


@pytest.mark.parametrize(
    "first",
    [
        "2023-11-15 12:00:00",
        "2023-11-15T12:00:00Z",
        "2023-11-15T13:00:00+01:00",
        "20231115T120000",
        "15.11.2023 12:00",
        "11/15/2023 12:00:00",
        "2023/11/15 12:00:00",
        "1700049600",
        "1700049600000",
        "1700049600000000",
        "1.7000496e9",
    ],
)
def test_times_in_many_forms(csv_file: File, first: str) -> None:
    table = open_table(csv_file(f"when,v\n{first},1\n"), TableOptions())
    assert table.absolute
    assert values(table) == [(NOON_S, [1.0])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_delimiters_and_compression_are_found(csv_file: File, delimiter: str, name: str) -> None:
    text = "time,a,b\n2023-11-15 12:00:00,1,2\n2023-11-15 12:01:00,3,\n"
    table = open_table(csv_file(text.replace(",", delimiter), name), TableOptions())
    assert [m.name for m in table.metrics] == ["a", "b"]
    assert values(table) == [(NOON_S, [1.0, 2.0]), (NOON_S + 60, [3.0, None])]


def test_decimal_comma_is_for_files_that_separate_otherwise(csv_file: File) -> None:
    table = open_table(
        csv_file("Zeit;Druck\n15.11.2023 12:00;1.013,25\n15.11.2023 12:01;990\n"), TableOptions()
    )
    assert values(table) == [(NOON_S, [1013.25]), (NOON_S + 60, [990.0])]


def test_columns_aligned_with_blanks(csv_file: File) -> None:
    text = "n time temp\n1\t1700049600   20.5\n2\t1700049660   20.6\n"
    table = open_table(csv_file(text), TableOptions())
    assert values(table) == [(NOON_S, [1.0, 20.5]), (NOON_S + 60, [2.0, 20.6])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(csv_file: File, encoding: str) -> None:
    table = open_table(
        csv_file("time,Außen (°C)\n2023-11-15 12:00:00,4.5\n", encoding=encoding), TableOptions()
    )
    assert [m.column for m in table.metrics] == ["Außen (°C)"]
    assert [m.name for m in table.metrics] == ["auen_c"]


def test_text_columns_are_left_out_with_a_notice(csv_file: File) -> None:
    text = "time,state,v,ok\n1700049600,idle,1,true\n1700049660,run,nan,false\n"
    table = open_table(csv_file(text), TableOptions())
    assert [m.name for m in table.metrics] == ["v", "ok"]
    assert any("'state'" in n and "'idle'" in n for n in table.notices)
    assert values(table) == [(NOON_S, [1.0, True]), (NOON_S + 60, [None, False])]


def test_a_file_without_header(csv_file: File) -> None:
    table = open_table(csv_file("1, 1700049600000, 20.5\n2, 1700049660000, 20.6\n"), TableOptions())
    assert [m.name for m in table.metrics] == ["column_1", "column_3"]
    assert len(values(table)) == 2


def test_numbers_as_column_names_are_still_a_header(csv_file: File) -> None:
    table = open_table(csv_file("timestamp,0,1\n1700049600,5,6\n"), TableOptions())
    assert [m.name for m in table.metrics] == ["0", "1"]
    assert values(table) == [(NOON_S, [5.0, 6.0])]


def test_no_times_but_a_period(csv_file: File) -> None:
    table = open_table(csv_file("a,b\n1,2\n3,4\n"), TableOptions(period_s=0.5))
    assert not table.absolute
    assert values(table) == [(0.0, [1.0, 2.0]), (0.5, [3.0, 4.0])]


def test_skip_and_unit_take_either_name(csv_file: File) -> None:
    text = "time,Flow Rate,Temp,anomaly\n1700049600,1,2,0\n"
    options = TableOptions(skip=["anomaly"], units={"Flow Rate": "l/s", "temp": "Cel"})
    table = open_table(csv_file(text), options)
    assert [(m.name, m.unit) for m in table.metrics] == [("flow_rate", "l/s"), ("temp", "Cel")]


@pytest.mark.parametrize(
    ("text", "options", "says", "line"),
    [
        ("", TableOptions(), "is empty", 1),
        ("time,v\n", TableOptions(), "no rows", 1),
        ("a,b\n1,2\n", TableOptions(), "Columns: 'a', 'b'", None),
        ("time,v\n1700049600,1\nyesterday,2\n", TableOptions(), "is not a time", 3),
        ("time,v\n1700049600,1\n\n1700049660,2,3\n", TableOptions(), "3 cells", 4),
        ("time,v\n1700049600,1\n1700049660\n", TableOptions(), "1 cells", 3),
        ("when,v\n1700049600,1\n", TableOptions(time="time"), "no column 'time'", None),
        ("time,v\nx,1\n", TableOptions(time="time"), "--time-format", None),
        ("time,v\n1700049600,1\n", TableOptions(skip=["w"]), "--skip: there is no column", None),
        ("time,v\n1700049600,1\n", TableOptions(units={"v": "a b"}), "--unit v", None),
        ("time,v\n1700049600,abc\n", TableOptions(), "no column of numbers", None),
    ],
)
def test_what_is_unfit_is_said(
    csv_file: File, text: str, options: TableOptions, says: str, line: int | None
) -> None:
    with pytest.raises(ReplayError) as caught:
        list(open_table(csv_file(text), options).rows())
    assert says in caught.value.message
    assert caught.value.line == line


def test_text_that_comes_late_names_its_line_and_column(csv_file: File) -> None:
    rows = "".join(f"{1_700_049_600 + k},{k}\n" for k in range(500))
    table = open_table(csv_file(f"time,v\n{rows}1700060000,broken\n"), TableOptions())
    with pytest.raises(ReplayError, match=r"line 502: 'broken' in column 'v'"):
        list(table.rows())


def test_a_missing_file_a_directory_and_damage(csv_file: File, tmp_path: Path) -> None:
    for file, says in (
        (tmp_path / "none.csv", "there is no file"),
        (tmp_path, "is a directory"),
        (csv_file(b"\x1f\x8bgarbage", "x.csv"), "damaged"),
    ):
        with pytest.raises(ReplayError, match=says):
            open_table(file, TableOptions())


def test_a_gzip_cut_short_is_noticed_where_it_ends(csv_file: File) -> None:
    rows = "".join(f"{1_700_049_600 + k},{math.sin(k)}\n" for k in range(20_000))
    whole = csv_file(f"time,v\n{rows}", "whole.csv.gz").read_bytes()
    table = open_table(csv_file(whole[: len(whole) // 2], "cut.csv"), TableOptions())
    with pytest.raises(ReplayError, match="damaged") as caught:
        list(table.rows())
    assert caught.value.line is not None
    assert caught.value.line > 1000


def read_all(raw: bytes, options: TableOptions) -> list[tuple[float, list[float | bool | None]]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "any.csv"
        file.write_bytes(raw)
        return values(open_table(file, options))


@given(
    st.binary(max_size=600)
    | st.text("0123456789,;.\t\n\"'-:TZ eE+na", max_size=300).map(str.encode)
)
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_rows_or_the_one_error(raw: bytes) -> None:
    for options in (TableOptions(), TableOptions(period_s=1.0)):
        try:
            rows = read_all(raw, options)
        except ReplayError as error:
            sound = bool(error.message) and (error.line is None or error.line >= 1)
        else:
            cells = [c for _, row in rows for c in row if c is not None]
            sound = all(math.isfinite(x) for x in [*cells, *(time_s for time_s, _ in rows)])
        assert sound


@given(
    st.lists(
        st.tuples(
            st.integers(300_000_000, 4_000_000_000),
            st.lists(
                st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3
            ),
        ),
        min_size=1,
        max_size=30,
    ).filter(lambda rows: any(v is not None for _, vs in rows for v in vs)),
    st.sampled_from([",", ";", "\t"]),
)
@settings(max_examples=150, deadline=None)
def test_what_was_written_is_read(
    rows: list[tuple[int, list[float | None]]], delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["time", "a", "b", "c"])
    for time_s, cells in rows:
        writer.writerow([time_s, *("" if v is None else repr(v) for v in cells)])
    assert read_all(text.getvalue().encode(), TableOptions()) == rows


@given(st.lists(st.text(max_size=200), max_size=20))
def test_names_are_valid_and_unique(columns: list[str]) -> None:
    names = wire_names(columns)
    assert len(set(names)) == len(columns)
    assert all(check_metric(name) for name in names)
